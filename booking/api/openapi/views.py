"""The API's description, for programs at /api/schema and for people at /api/docs."""

from functools import cache

import orjson
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework import exceptions, serializers

from booking.api.negotiation import IgnoreAccept
from booking.api.openapi.collection import write_collection
from booking.api.openapi.guide import read_sections
from booking.api.operation import operation
from booking.api.serializers import Query
from booking.api.throttles import AddressThrottle
from booking.api.views import ApiView
from booking.models import get_branding

JSON, YAML = "application/json", "application/yaml"
ALSO_YAML = ["application/vnd.oai.openapi", "application/x-yaml", "text/yaml"]


@cache
def openapi_document():
    """Return the OpenAPI document; it is the same as long as the program is."""
    return SchemaGenerator().get_schema(public=True)


@cache
def render_document(content_type):
    """Return the document as bytes."""
    if content_type == JSON:
        return orjson.dumps(openapi_document())
    return OpenApiYamlRenderer().render(openapi_document(), renderer_context={})


class FormatQuery(Query):
    """The format, for those who cannot send an Accept header."""

    format = serializers.ChoiceField(["json", "yaml"], required=False)


class Schema(ApiView):
    """The OpenAPI document; no key is needed to read it."""

    schema = None  # it does not tell of itself
    scopes = {"GET": None}
    authentication_classes = []
    throttle_classes = [AddressThrottle]
    permission_classes = []
    content_negotiation_class = IgnoreAccept  # the method looks at it, unless the address names a format

    @method_decorator(gzip_page)
    @operation(query=FormatQuery)
    def get(self, request):
        content_type = self.content_type()
        return HttpResponse(render_document(content_type), content_type=content_type, headers={"Vary": "Accept"})

    def content_type(self):
        if "format" in self.parameters:
            return YAML if self.parameters["format"] == "yaml" else JSON
        wanted = self.request.get_preferred_type([JSON, YAML, *ALSO_YAML])
        if wanted is None:
            raise exceptions.NotAcceptable
        return JSON if wanted == JSON else YAML


@cache
def list_operations():
    """Return the headings of the OpenAPI document, each with its operations."""
    headings = {tag["name"]: {**tag, "operations": []} for tag in openapi_document()["tags"]}
    for path, methods in openapi_document()["paths"].items():
        for method, described in methods.items():
            row = {**described, "method": method.upper(), "path": path, "id": described["operationId"]}
            headings[described["tags"][0]]["operations"].append(row)
    return [heading for heading in headings.values() if heading["operations"]]


@require_safe
@gzip_page
def collection(request):
    """All operations for Postman, Bruno and other programs that send requests."""
    site = request.build_absolute_uri("/").rstrip("/")
    content = orjson.dumps(write_collection(openapi_document(), site=site), option=orjson.OPT_INDENT_2)
    return HttpResponse(content, content_type=JSON)


@require_safe
@gzip_page
def docs(request):
    """A first booking in five minutes, what holds everywhere, webhooks, and every operation to try out."""
    site = request.build_absolute_uri("/").rstrip("/")
    page = {"clinic_name": get_branding().name, "sections": read_sections(site), "headings": list_operations()}
    return render(request, "api/docs.html", page)
