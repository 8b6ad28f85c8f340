"""Webhooks: endpoints that are told what happens, and what was delivered to them."""

from datetime import timedelta

import orjson
from django.shortcuts import get_object_or_404
from rest_framework import serializers

from scheduling.outbound import NotPublic

from ..models import ApiKey, OutboxMessage, WebhookEndpoint
from ..webhooks import endpoints
from ..webhooks.endpoints import AlreadyOnItsWay, EndpointDisabled
from .base import ApiView
from .contract import contract
from .inputs import Input, Moment, Text
from .paging import PageQuery, page

MANAGE = ApiKey.Scope.MANAGE_WEBHOOKS


class EndpointInput(Input):
    """An address on the public internet, and what it is told of."""

    url = Text(max_length=500, help_text="It must be https.")
    description = Text(max_length=100, required=False, allow_blank=True)
    format = serializers.ChoiceField(WebhookEndpoint.Format.choices, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEndpoint.Kind.choices), required=False, max_length=50,
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
            "id", "url", "description", "format", "events", "old_secret_ends_at", "failing_since", "disabled_at",
            "disabled_because", "created_at", "updated_at",
        ]


class NewSecretOutput(WebhookEndpointOutput):
    """An endpoint with its secret, which is shown only now."""

    secret = serializers.CharField()

    class Meta(WebhookEndpointOutput.Meta):
        fields = [*WebhookEndpointOutput.Meta.fields, "secret"]


class DeliveryOutput(serializers.ModelSerializer):
    """An event on its way to an endpoint; ``event`` is the body, ``id`` its webhook-id, at every try the same."""

    endpoint_id = serializers.UUIDField()
    type = serializers.CharField(source="payload.type")
    event = serializers.DictField(source="payload")
    response_status = serializers.IntegerField(allow_null=True, help_text="Of the last try; null: no answer.")
    last_error = serializers.CharField()
    next_try_at = serializers.SerializerMethodField()
    delivered_at = Moment(source="done_at", allow_null=True)
    created_at = Moment()

    class Meta:
        model = OutboxMessage
        fields = [
            "id", "endpoint_id", "type", "status", "attempts", "response_status", "last_error", "next_try_at",
            "delivered_at", "created_at", "event",
        ]

    def get_next_try_at(self, delivery) -> Moment(allow_null=True):
        return delivery.due_at.isoformat() if delivery.status == OutboxMessage.Status.WAITING else None


class EndpointView(ApiView):
    """What the endpoints of webhook endpoints share."""

    is_personal = True  # secrets, and whose appointment it is
    output = WebhookEndpointOutput

    def endpoint(self, id):
        return get_object_or_404(WebhookEndpoint, pk=id)

    def answer_endpoint(self, endpoint, status=200, **headers):
        endpoint.refresh_from_db()
        return self.answer(WebhookEndpointOutput(endpoint).data, status, headers)

    def answer_delivery(self, delivery, status=200):
        return self.answer(DeliveryOutput(delivery).data, status)


class ShowingSecret(EndpointView):
    """Answers with an endpoint's new secret."""

    def answer_once(self, handler):
        # Added behind: the answer that is kept for an Idempotency-Key has no secret in it.
        response = super().answer_once(handler)
        if response.status_code in self.contract.status and self.contract.output is NewSecretOutput:
            body = orjson.loads(response.content)
            body["data"]["secret"] = self.endpoint(body["data"]["id"]).secret
            response.content = orjson.dumps(body)
        return response


class TakingAddress(EndpointView):
    """Takes an address, and looks up where it leads before the transaction that an Idempotency-Key begins."""

    not_public = None

    def answer_once(self, handler):
        if self.contract.body is EndpointInput:
            url = self.body(partial=True).get("url")
            try:
                if url:
                    endpoints.check_address(url)
            except NotPublic as error:  # the method raises it: it is answered, and kept, like its own
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

    @contract(query=PageQuery, many=True)
    def get(self, request):
        """List endpoints in pages, the oldest first."""
        found, meta = page(WebhookEndpoint.objects.all(), by="created_at", **cursor_of(self.parameters))
        return self.answer(WebhookEndpointOutput(found, many=True).data, **meta)

    @contract(
        name="create_webhook_endpoint", body=EndpointInput, output=NewSecretOutput, status=[201], has_location=True,
        refusals=[NotPublic],
    )
    def post(self, request):
        """Make an endpoint. Its secret is in this answer and in no other."""
        endpoint = endpoints.create_endpoint(**self.checked_body())
        return self.answer_endpoint(
            endpoint, 201, Location=request.build_absolute_uri(f"{request.path}/{endpoint.pk}")
        )


class WebhookEndpointEntry(TakingAddress):
    """Read, change or delete one endpoint."""

    scopes = {"GET": MANAGE, "PATCH": MANAGE, "DELETE": MANAGE}

    @contract()
    def get(self, request, id):
        """Read one endpoint."""
        return self.answer_endpoint(self.endpoint(id))

    @contract(name="change_webhook_endpoint", body=EndpointInput, refusals=[NotPublic])
    def patch(self, request, id):
        """Change what is sent, and only that."""
        endpoint = self.endpoint(id)
        endpoints.change_endpoint(endpoint, **self.checked_body(partial=True))
        return self.answer_endpoint(endpoint)

    @contract(name="delete_webhook_endpoint")
    def delete(self, request, id):
        """Delete an endpoint with all its deliveries; the answer is what it was."""
        endpoint = self.endpoint(id)
        written = WebhookEndpointOutput(endpoint).data
        endpoints.remove_endpoint(endpoint)
        return self.answer(written)


class RotateInput(Input):
    """For how long deliveries are signed with the old secret too; 0 for one that got about."""

    overlap_seconds = serializers.IntegerField(
        min_value=0, max_value=int(endpoints.LONGEST_OVERLAP.total_seconds()),
        default=int(endpoints.OVERLAP.total_seconds()),
    )


class WebhookEndpointRotateSecret(ShowingSecret):
    """Give an endpoint a new secret, which is in this answer and in no other."""

    scopes = {"POST": MANAGE}

    @contract(name="rotate_webhook_secret", body=RotateInput, output=NewSecretOutput)
    def post(self, request, id):
        endpoint = self.endpoint(id)
        endpoints.rotate_secret(endpoint, overlap=timedelta(seconds=self.body()["overlap_seconds"]))
        return self.answer_endpoint(endpoint)


class WebhookEndpointTest(EndpointView):
    """Send an endpoint an event of the type ``webhook.test``, which tells of nothing."""

    scopes = {"POST": MANAGE}

    @contract(name="test_webhook_endpoint", output=DeliveryOutput, status=[202], refusals=[EndpointDisabled])
    def post(self, request, id):
        self.body()
        return self.answer_delivery(endpoints.send_test(self.endpoint(id)), 202)


class WebhookEndpointSwitch(EndpointView):
    """Enable or disable an endpoint."""

    scopes = {"POST": MANAGE}
    verb = None

    @contract()
    def post(self, request, id):
        self.body()
        endpoint = self.endpoint(id)
        self.verb(endpoint)
        return self.answer_endpoint(endpoint)


class WebhookEndpointEnable(WebhookEndpointSwitch):
    """Send to a disabled endpoint again what happens from now on."""

    verb = staticmethod(endpoints.enable)


class WebhookEndpointDisable(WebhookEndpointSwitch):
    """Send nothing to an endpoint from now on; what waits for it fails."""

    verb = staticmethod(endpoints.disable)


class DeliveryFilters(PageQuery):
    """Which deliveries: all filters must hold; of one that is repeated, any of its values."""

    status = serializers.ListField(
        child=serializers.ChoiceField(OutboxMessage.Status.choices), required=False, max_length=4,
        source="status__in",
    )
    type = serializers.ListField(
        child=serializers.ChoiceField([*WebhookEndpoint.Kind.choices, (endpoints.TEST, endpoints.TEST)]),
        required=False, max_length=50, source="payload__type__in",
    )


class WebhookEndpointDeliveries(EndpointView):
    """List the deliveries to an endpoint."""

    scopes = {"GET": MANAGE}

    @contract(name="list_deliveries", query=DeliveryFilters, output=DeliveryOutput, many=True)
    def get(self, request, id):
        """List the deliveries to an endpoint in pages, the newest first. They are kept for a month."""
        filters = self.parameters.copy()
        pages = cursor_of(filters)
        rows = self.endpoint(id).deliveries.filter(**filters)
        found, meta = page(rows, by="created_at", newest_first=True, **pages)
        return self.answer(DeliveryOutput(found, many=True).data, **meta)


class RedeliverInput(Input):
    """From when on."""

    since = Moment()


class RedeliveredOutput(serializers.Serializer):
    """How many deliveries are on their way again."""

    deliveries = serializers.IntegerField()


class WebhookEndpointRedeliver(EndpointView):
    """Send all again that was recorded since a time and has failed."""

    scopes = {"POST": MANAGE}

    @contract(
        name="redeliver_failed", body=RedeliverInput, output=RedeliveredOutput, status=[202],
        refusals=[EndpointDisabled],
    )
    def post(self, request, id):
        since = self.body()["since"]
        return self.answer({"deliveries": endpoints.redeliver_failed(self.endpoint(id), since=since)}, 202)


class DeliveryView(EndpointView):
    """What the endpoints of one delivery share."""

    output = DeliveryOutput

    def delivery(self, id):
        deliveries = OutboxMessage.objects.exclude(endpoint=None).select_related("endpoint")
        return get_object_or_404(deliveries, pk=id)


class DeliveryEntry(DeliveryView):
    """Read one delivery."""

    scopes = {"GET": MANAGE}

    @contract()
    def get(self, request, id):
        return self.answer_delivery(self.delivery(id))


class DeliveryRedeliver(DeliveryView):
    """Send a delivery again, with the same id and body; one that arrived too."""

    scopes = {"POST": MANAGE}

    @contract(status=[202], refusals=[EndpointDisabled, AlreadyOnItsWay])
    def post(self, request, id):
        self.body()
        delivery = self.delivery(id)
        endpoints.redeliver(delivery)
        return self.answer_delivery(delivery, 202)


def cursor_of(parameters):
    """Take the parameters of a page out of all; return them as page() wants them."""
    return {"cursor": parameters.pop("cursor", None), "limit": parameters.pop("limit")}
