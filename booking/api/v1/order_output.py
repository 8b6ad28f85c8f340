"""How orders are written: with all their appointments."""

from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.integration_fields import Metadata
from booking.api.outputs import AppointmentOutput, write_appointments
from booking.models import Appointment, Order


class AddressOutput(serializers.Serializer):
    """Where to visit the patient."""

    line_1 = serializers.CharField(source="address_line_1")
    line_2 = serializers.CharField(source="address_line_2")
    unit = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField()
    postcode = serializers.CharField()
    country = serializers.CharField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)


class OrderOutput(serializers.ModelSerializer):
    """A request that a patient be seen for a service."""

    patient_id = serializers.UUIDField()
    appointment_type_id = serializers.UUIDField(source="service_id")
    address = serializers.SerializerMethodField()
    link_ends_at = Moment(allow_null=True, help_text="Until when the link mailed to the patient is good, if one was.")
    cancelled_at = Moment(allow_null=True, help_text="When it was cancelled; it cannot be booked any more.")
    appointments = serializers.SerializerMethodField()
    metadata = Metadata()
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        model = Order
        fields = [
            "id",
            "external_id",
            "metadata",
            "patient_id",
            "appointment_type_id",
            "address",
            "link_ends_at",
            "cancelled_at",
            "appointments",
            "created_at",
            "updated_at",
        ]

    def get_address(self, order) -> AddressOutput(allow_null=True):
        return AddressOutput(order).data if order.address else None

    def get_appointments(self, order) -> AppointmentOutput(many=True):
        """Return all it was ever booked with, the first one first; one at most is neither cancelled nor missed."""
        return order.written_appointments


def write_orders(orders, key):
    """Return orders as they are written to ``key``, with their appointments, in a fixed number of queries."""
    by_id = {order.pk: order for order in orders}
    for order in orders:
        order.written_appointments = []
    booked = Appointment.objects.select_related("service", "location", "provider", "order").filter(order__in=by_id)
    booked = list(booked.order_by("created_at"))
    for appointment, written in zip(booked, write_appointments(booked, key), strict=True):
        by_id[appointment.order_id].written_appointments.append(written)
    return [OrderOutput(order).data for order in orders]
