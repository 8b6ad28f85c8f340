"""Webhooks: endpoints that are told what happens."""

import orjson
from django.shortcuts import get_object_or_404
from rest_framework import serializers

from booking.api.fields import Choice, Moment, Text
from booking.api.operation import operation
from booking.api.pagination import PageQuery
from booking.api.serializers import Input
from booking.api.views import ApiView
from booking.integrations.webhooks import endpoints
from booking.models import ApiKey, WebhookEndpoint
from scheduling.lib.safe_http import NotPublic

MANAGE = ApiKey.Scope.MANAGE_WEBHOOKS


class EndpointInput(Input):
    """An address on the public internet, and what it is told of."""

    url = Text(max_length=500, help_text="It must be https.")
    description = Text(max_length=100, required=False, allow_blank=True)
    format = Choice(WebhookEndpoint.Format.choices, required=False)
    events = serializers.ListField(
        child=Choice(WebhookEndpoint.Kind.choices),
        required=False,
        max_length=50,
        help_text="None: all, those too that are yet to come.",
    )


class WebhookEndpointOutput(serializers.ModelSerializer):
    """An address that is told what happens. While it is disabled, nothing is sent to it."""

    old_secret_ends_at = Moment(allow_null=True, help_text="Until when deliveries are signed with two secrets.")
    failing_since = Moment(allow_null=True, help_text="Since when it has done nothing but fail.")
    disabled_at = Moment(allow_null=True)
    disabled_because = serializers.CharField(help_text="Our reason; empty if somebody disabled it.")
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id",
            "url",
            "description",
            "format",
            "events",
            "old_secret_ends_at",
            "failing_since",
            "disabled_at",
            "disabled_because",
            "created_at",
            "updated_at",
        ]


class NewSecretOutput(WebhookEndpointOutput):
    """An endpoint with its secret, which is shown only now."""

    secret = serializers.CharField()

    class Meta(WebhookEndpointOutput.Meta):
        fields = [*WebhookEndpointOutput.Meta.fields, "secret"]


class EndpointView(ApiView):
    """What the endpoints of webhook endpoints share."""

    tag = "Webhooks"
    is_personal = True  # secrets, and whose appointment it is
    output = WebhookEndpointOutput

    def endpoint(self, id):
        return get_object_or_404(WebhookEndpoint, pk=id)

    def answer_endpoint(self, endpoint, status=200, **headers):
        endpoint.refresh_from_db()
        return self.answer(WebhookEndpointOutput(endpoint).data, status, headers)


class ShowingSecret(EndpointView):
    """Answers with an endpoint's new secret."""

    def answer_once(self, handler):
        # Added afterwards, so that the answer stored for an Idempotency-Key has no secret.
        response = super().answer_once(handler)
        if response.status_code in self.operation.status and self.operation.output is NewSecretOutput:
            body = orjson.loads(response.content)
            body["data"]["secret"] = self.endpoint(body["data"]["id"]).secret
            response.content = orjson.dumps(body)
        return response


class TakingAddress(EndpointView):
    """Takes an address, and looks up where it leads before the transaction that an Idempotency-Key begins."""

    not_public = None

    def answer_once(self, handler):
        if self.operation.body is EndpointInput:
            url = self.body(partial=True).get("url")
            try:
                if url:
                    endpoints.check_address(url)
            except (
                NotPublic
            ) as error:  # raised in the method, so that it is answered and stored like the method's own errors
                self.not_public = error
        return super().answer_once(handler)

    def checked_body(self, **options):
        fields = self.body(**options)
        if self.not_public:
            raise self.not_public
        return fields | {"is_checked": True}


class WebhookEndpoints(ShowingSecret, TakingAddress):
    """List endpoints; make one."""

    scopes = {"GET": MANAGE, "POST": MANAGE}

    @operation(query=PageQuery, many=True)
    def get(self, request):
        """List endpoints in pages, the oldest first."""
        endpoints = self.paginate_queryset(WebhookEndpoint.objects.all())
        return self.get_paginated_response(WebhookEndpointOutput(endpoints, many=True).data)

    @operation(
        name="create_webhook_endpoint",
        body=EndpointInput,
        output=NewSecretOutput,
        status=[201],
        has_location=True,
        refusals=[NotPublic],
    )
    def post(self, request):
        """Make an endpoint. Its secret is in this answer and in no other."""
        endpoint = endpoints.create_endpoint(**self.checked_body())
        return self.answer_endpoint(endpoint, 201, Location=self.locate(f"{request.path}/{endpoint.pk}"))


class WebhookEndpointEntry(TakingAddress):
    """Read, change or delete one endpoint."""

    scopes = {"GET": MANAGE, "PATCH": MANAGE, "DELETE": MANAGE}

    @operation()
    def get(self, request, id):
        """Read one endpoint."""
        return self.answer_endpoint(self.endpoint(id))

    @operation(name="change_webhook_endpoint", body=EndpointInput, refusals=[NotPublic])
    def patch(self, request, id):
        """Change what is sent, and only that."""
        endpoint = self.endpoint(id)
        endpoints.change_endpoint(endpoint, **self.checked_body(partial=True))
        return self.answer_endpoint(endpoint)

    @operation(name="delete_webhook_endpoint")
    def delete(self, request, id):
        """Delete an endpoint with all its deliveries; the answer is what it was."""
        endpoint = self.endpoint(id)
        written = WebhookEndpointOutput(endpoint).data
        endpoints.remove_endpoint(endpoint)
        return self.answer(written)
