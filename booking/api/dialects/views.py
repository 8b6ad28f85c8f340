"""What the dialects share: views that read leniently and refuse in the words of the system their clients know."""

from contextlib import suppress
from functools import partial

import orjson
from django.http import HttpResponse
from rest_framework import exceptions
from rest_framework.serializers import ListField

from booking.access.api_keys import InvalidKey
from booking.api import serializers
from booking.api.dialects.problem_writers import get_writer
from booking.api.operation import operation as api_contract
from booking.api.serializers import read_json
from booking.api.views import ApiView


class Lenient:
    """Reads the members it knows, in camelCase or snake_case; ignores the others, and those that are null."""

    def known(self, data):
        """Return the members of ``data`` under the names of their fields."""
        fields = {plain(name): name for name in self.fields}
        return {
            fields[plain(name)]: value for name, value in data.items() if plain(name) in fields and value is not None
        }


def plain(name):
    """Return a member's name as it is compared."""
    return name.lower().replace("_", "").removesuffix("[]")


class Input(Lenient, serializers.Input):
    """The fields of a body."""

    def to_internal_value(self, data):
        return super().to_internal_value(self.known(data) if isinstance(data, dict) else data)


class Query(Lenient, serializers.Query):
    """The parameters of an address; an empty one is none."""

    def to_internal_value(self, data):
        values = {}
        for name, given in data.lists():
            for field, texts in self.known({name: [text for text in given if text]}).items():
                values.setdefault(field, []).extend(texts)
        lists = {name for name in values if isinstance(self.fields[name], ListField)}
        found = {name: texts if name in lists else texts[-1] for name, texts in values.items() if texts}
        return serializers.Input.to_internal_value(self, found)


contract = partial(api_contract, query=Query, body=Input)


class DialectView(ApiView):
    """An endpoint of another system. ``key_header`` is where its clients show their key, if not as a Bearer."""

    schema = None  # docs/dialects.md tells of it
    is_personal = True
    key_header = None
    once_with_a_key = ("POST", "PATCH", "PUT")

    def shown_key(self):
        return self.request.headers.get(self.key_header, "").strip() or super().shown_key()

    def write_problem(self, request, problem):
        return get_writer(request.path_info)(request, problem)

    def body(self, **context):
        """Return the JSON body's fields, validated by the form of the contract, whatever the body says it is."""
        raw = self.raw_body()
        data = read_json(raw) if raw.strip() else {}
        return self.valid(self.contract.body(data=data, context={"key": self.key, **context}))

    def reply(self, data, status=200):
        """Return ``data`` as JSON."""
        return HttpResponse(orjson.dumps(data), status=status, content_type="application/json")


class NotHere(DialectView):
    """Any other address of a dialect."""

    def check_request(self, request):
        with suppress(InvalidKey):
            super().check_request(request)  # so that a page on the key's sites may read the answer
        raise exceptions.NotFound
