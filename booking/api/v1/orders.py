"""Orders: write one down, book it with a booking key alone, e-mail its patient a link to book it."""

from django.http import Http404
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey
from booking.api.fields import Id, Moment, Text
from booking.api.operation import operation
from booking.api.outputs import AppointmentOutput, write_appointments
from booking.api.pagination import ChangesQuery, PageQuery
from booking.api.serializers import Input
from booking.api.v1.approval_views import ApprovalTimeoutsInput, ApprovalView
from booking.api.v1.attendance import Attendance
from booking.api.v1.opening_input import NewTimeInput, OpeningInput
from booking.api.views import ApiView
from booking.domain.appointments import OrderBooked, OrderCancelled
from booking.domain.approvals import ProviderRefused, ProviderUnavailable
from booking.domain.orders import NoEmailAddress, cancel_order, create_order, send_link
from booking.domain.slot_selection import NotOffered
from booking.models import ApiKey, Appointment, Order
from patients.records import PatientArchived
from patients.text import validate_printable_lines
from scheduling.models import Service
from scheduling.slots import SlotTaken

WRITE = ApiKey.Scope.WRITE_ORDERS


class Degrees(serializers.FloatField):
    """A number, and not a text that looks like one."""

    def to_internal_value(self, data):
        if type(data) not in (int, float):
            self.fail("invalid")
        return super().to_internal_value(data)


class AddressInput(Input):
    """Where to visit the patient. What is left out is unknown."""

    line_1 = Text(max_length=100, source="address_line_1")
    line_2 = Text(max_length=100, source="address_line_2", required=False, allow_blank=True)
    unit = Text(max_length=20, required=False, allow_blank=True)
    city = Text(max_length=100)
    state = Text(max_length=50, required=False, allow_blank=True)
    postcode = Text(max_length=20, required=False, allow_blank=True)
    country = serializers.RegexField(
        "^[A-Z]{2}$",
        required=False,
        help_text="ISO 3166-1, two letters.",
        error_messages={"invalid": "Write two capital letters, such as GB."},
    )
    latitude = Degrees(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = Degrees(min_value=-180, max_value=180, required=False, allow_null=True)

    def validate(self, fields):
        """Return the fields, with coordinates rounded as they are stored."""
        fields = super().validate(fields)
        degrees = {name: fields[name] for name in ("latitude", "longitude") if fields.get(name) is not None}
        return fields | {name: round(value, 7) for name, value in degrees.items()}


class OrderInput(Attendance):
    """A patient, by ``patient_id`` or ``patient``; a service; for a visit at home the address."""

    ways = [way._replace(needs=(*way.needs, "appointment_type_id")) for way in Attendance.ways]

    attendee_name = attendee_email = attendee_phone = notes = None  # the booking request has them
    appointment_type_id = Id(queryset=Service.objects.filter(is_active=True), source="service")
    external_id = Text(
        max_length=100, required=False, allow_blank=True, help_text="Its id in the system it comes from."
    )
    address = AddressInput(required=False, allow_null=True)

    def validate(self, fields):
        fields = super().validate(fields)
        del fields["attendee"]
        return fields | (fields.pop("address", None) or {})


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
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        model = Order
        fields = [
            "id",
            "external_id",
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


class OrderFilters(ChangesQuery, PageQuery):
    """Which orders: all filters must hold."""

    patient_id = serializers.UUIDField(required=False, help_text="Of this patient.")
    external_id = Text(required=False, max_length=100, help_text="With this id in the system it comes from.")


class OrderView(ApiView):
    """What all endpoints of orders share."""

    tag = "Orders"
    is_personal = True
    output = OrderOutput

    def order(self, id):
        try:
            return Order.objects.select_related("service", "patient").get(pk=id)
        except Order.DoesNotExist:
            raise Http404 from None

    def answer_order(self, order, status=200, **headers):
        [written] = write_orders([order], self.key)
        return self.answer(written, status, headers)


class Orders(OrderView):
    """List orders; write one down."""

    scopes = {"GET": WRITE, "POST": WRITE}

    @operation(query=OrderFilters, many=True)
    def get(self, request):
        """List orders as they came, in pages."""
        orders = self.paginate_queryset(Order.objects.filter(**self.filters))
        return self.get_paginated_response(write_orders(orders, self.key))

    @operation(name="create_order", body=OrderInput, status=[201], has_location=True, refusals=[PatientArchived])
    def post(self, request):
        """Write an order down: a known patient, or one by what identifies a person, is to be seen for a service."""
        order = create_order(**self.body(), actor=self.key.actor)
        return self.answer_order(order, 201, Location=request.build_absolute_uri(f"{request.path}/{order.pk}"))


class OrderEntry(OrderView):
    """Read one order."""

    scopes = {"GET": WRITE}

    @operation()
    def get(self, request, id):
        """Read one order with its appointments."""
        return self.answer_order(self.order(id))


class OrderBookInput(OpeningInput, ApprovalTimeoutsInput):
    """A booking key alone, or an opening of the order's service; who comes is known."""

    ways = NewTimeInput.ways

    notes = Text(max_length=2000, required=False, allow_blank=True, check=validate_printable_lines)


class OrderBook(OrderView, ApprovalView):
    """Book an order: for its patient, once."""

    scopes = {"POST": WRITE}

    @operation(
        body=OrderBookInput,
        output=AppointmentOutput,
        status=[201, 202],
        has_etag=True,
        has_location=True,
        refusals=[
            SlotTaken,
            NotOffered,
            InvalidBookingKey,
            OrderBooked,
            OrderCancelled,
            PatientArchived,
            ProviderRefused,
            ProviderUnavailable,
        ],
    )
    def post(self, request, id):
        """Book an order with a booking key alone. One that has an appointment already is not booked twice."""
        order = self.order(id)
        fields = self.body(service=order.service)
        return self.book(order=order, **fields)


class OrderSendLink(OrderView):
    """E-mail the patient of an order a link to book it; an earlier one stops working."""

    scopes = {"POST": WRITE}

    @operation(name="send_order_link", refusals=[OrderBooked, OrderCancelled, NoEmailAddress])
    def post(self, request, id):
        self.body()
        order = self.order(id)
        send_link(order, actor=self.key.actor)
        return self.answer_order(order)


class OrderCancel(OrderView):
    """Cancel an order: it cannot be booked any more."""

    scopes = {"POST": WRITE}

    @operation(name="cancel_order", refusals=[OrderBooked])
    def post(self, request, id):
        """Cancel an order. One that has an appointment is refused: cancel that first."""
        self.body()
        order = self.order(id)
        cancel_order(order, actor=self.key.actor)
        return self.answer_order(order)
