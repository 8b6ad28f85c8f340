"""What was delivered to webhook endpoints, and what is on its way."""

from django.shortcuts import get_object_or_404
from rest_framework import serializers

from booking.api.fields import Choice, Moment
from booking.api.operation import operation
from booking.api.pagination import PageQuery
from booking.api.v1.webhooks import MANAGE, EndpointView
from booking.integrations.webhooks import endpoints
from booking.integrations.webhooks.endpoints import AlreadyOnItsWay, EndpointDisabled
from booking.models import Delivery, WebhookEndpoint


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
        model = Delivery
        fields = [
            "id",
            "endpoint_id",
            "type",
            "status",
            "attempts",
            "response_status",
            "last_error",
            "next_try_at",
            "delivered_at",
            "created_at",
            "event",
        ]

    def get_next_try_at(self, delivery) -> Moment(allow_null=True):
        return delivery.due_at.isoformat() if delivery.status == Delivery.Status.WAITING else None


class DeliveryFilters(PageQuery):
    """Which deliveries: all filters must hold; of one that is repeated, any of its values."""

    status = serializers.ListField(
        child=Choice(Delivery.Status.choices),
        required=False,
        max_length=4,
        source="status__in",
    )
    type = serializers.ListField(
        child=Choice([*WebhookEndpoint.Kind.choices, (endpoints.TEST, endpoints.TEST)]),
        required=False,
        max_length=50,
        source="payload__type__in",
    )


class WebhookEndpointDeliveries(EndpointView):
    """List the deliveries to an endpoint."""

    scopes = {"GET": MANAGE}
    ordering = "-created_at"

    @operation(name="list_deliveries", query=DeliveryFilters, output=DeliveryOutput, many=True)
    def get(self, request, id):
        """List the deliveries of the last month to an endpoint in pages, the newest first."""
        deliveries = self.paginate_queryset(self.endpoint(id).deliveries.filter(self.filters))
        return self.get_paginated_response(DeliveryOutput(deliveries, many=True).data)


class DeliveryView(EndpointView):
    """What the endpoints of one delivery share."""

    output = DeliveryOutput

    def delivery(self, id):
        deliveries = Delivery.objects.select_related("endpoint")
        return get_object_or_404(deliveries, pk=id)

    def answer_delivery(self, delivery, status=200):
        return self.answer(DeliveryOutput(delivery).data, status)


class DeliveryEntry(DeliveryView):
    """Read one delivery."""

    scopes = {"GET": MANAGE}

    @operation()
    def get(self, request, id):
        return self.answer_delivery(self.delivery(id))


class DeliveryRedeliver(DeliveryView):
    """Send a delivery again, with the same id and body; one that arrived too."""

    scopes = {"POST": MANAGE}

    @operation(status=[202], refusals=[EndpointDisabled, AlreadyOnItsWay])
    def post(self, request, id):
        self.body()
        delivery = self.delivery(id)
        endpoints.redeliver(delivery)
        return self.answer_delivery(delivery, 202)
