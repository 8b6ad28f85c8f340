"""Orders: write one down, book it with a booking key alone, e-mail its patient a link to book it."""

from django.http import Http404
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey
from booking.api.fields import Id, Notes, Text
from booking.api.integration_fields import ExternalId, IntegrationInput
from booking.api.lists import ListQuery, Sort
from booking.api.operation import operation
from booking.api.outputs import AppointmentOutput
from booking.api.pagination import ChangesQuery
from booking.api.phones import list_countries_of_address
from booking.api.serializers import Input
from booking.api.v1.approval_views import ApprovalTimeoutsInput, ApprovalView
from booking.api.v1.attendance import Attendance
from booking.api.v1.expansions import ExpandedOrderOutput, OrderQuery, expand
from booking.api.v1.opening_input import NewTimeInput, OpeningInput
from booking.api.v1.order_output import OrderOutput, write_orders
from booking.api.views import ApiView
from booking.domain.appointments import OrderBooked, OrderCancelled
from booking.domain.approvals import ProviderRefused, ProviderUnavailable
from booking.domain.orders import NoEmailAddress, cancel_order, change_order, create_order, send_link
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.slot_selection import NotOffered
from booking.models import UNRESTRICTED, ApiKey, Order
from patients.records import PatientArchived
from scheduling.lib.integration_fields import TooMuchMetadata
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


class OrderInput(Attendance, IntegrationInput):
    """A patient, by ``patient_id`` or ``patient``; a service; for a visit at home the address."""

    ways = [way._replace(needs=(*way.needs, "appointment_type_id")) for way in Attendance.ways]

    attendee_name = attendee_email = attendee_phone = contact_name = relation = notes = (
        None  # the booking request has them
    )
    appointment_type_id = Id(queryset=Service.objects.filter(is_active=True), source="service")
    address = AddressInput(required=False, allow_null=True)

    def list_phone_countries(self):
        """Return the countries that the patient's phone number may be of."""
        return list_countries_of_address(self.initial_data.get("address"))

    def validate(self, fields):
        fields = super().validate(fields)
        del fields["attendee"]
        return fields | (fields.pop("address", None) or {})


class OrderFilters(ChangesQuery, ListQuery, OrderQuery):
    """Which orders: all filters must hold."""

    sort = Sort(created_at="created_at", updated_at="updated_at")
    patient_id = serializers.UUIDField(required=False, help_text="Of this patient.")
    appointment_type_id = serializers.UUIDField(required=False, source="service_id", help_text="For this service.")
    external_id = ExternalId(help_text="With this id in the system it comes from.")


class OrderView(ApiView):
    """What all endpoints of orders share."""

    tag = "Orders"
    is_personal = True
    output = OrderOutput

    def order(self, id):
        try:
            return Order.objects.select_related("service", "patient").get(UNRESTRICTED, pk=id)
        except Order.DoesNotExist:
            raise Http404 from None

    def answer_order(self, order, status=200, **headers):
        [written] = expand([order], write_orders([order], self.key), self)
        return self.answer_version(order, written, status, **headers)


class Orders(OrderView):
    """List orders; write one down."""

    scopes = {"GET": WRITE, "POST": WRITE}

    @operation(query=OrderFilters, output=ExpandedOrderOutput, many=True)
    def get(self, request):
        """List orders as they came, in pages."""
        orders = self.paginate_queryset(Order.objects.filter(UNRESTRICTED, self.filters))
        return self.get_paginated_response(expand(orders, write_orders(orders, self.key), self))

    @operation(
        name="create_order",
        body=OrderInput,
        status=[201],
        has_etag=True,
        has_location=True,
        refusals=[PatientArchived],
    )
    def post(self, request):
        """Write an order down: a known patient, or one by what identifies a person, is to be seen for a service."""
        order = create_order(**self.body(), actor=self.key.actor)
        return self.answer_order(order, 201, Location=self.locate(f"{request.path}/{order.pk}"))


class OrderEntry(OrderView):
    """Read one order, or change what another system keeps with it."""

    scopes = {"GET": WRITE, "PATCH": WRITE}

    @operation(query=OrderQuery, output=ExpandedOrderOutput, has_etag=True)
    def get(self, request, id):
        """Read one order with its appointments."""
        return self.answer_order(self.order(id))

    @operation(
        name="change_order",
        body=IntegrationInput,
        has_etag=True,
        supports_if_match=True,
        refusals=[TooMuchMetadata],
    )
    def patch(self, request, id):
        """Change an order's external id and metadata: what is sent, and only that."""
        order = self.order(id)
        changes = self.body(partial=True)
        change_order(order, actor=self.key.actor, expected_version=self.expected_version(order), **changes)
        return self.answer_order(order)


class OrderBookInput(OpeningInput, ApprovalTimeoutsInput, IntegrationInput):
    """A booking key alone, or an opening of the order's service; who comes is known."""

    ways = NewTimeInput.ways

    notes = Notes()


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
            PatientBusy,
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

    @operation(
        name="send_order_link",
        has_etag=True,
        supports_if_match=True,
        refusals=[OrderBooked, OrderCancelled, NoEmailAddress],
    )
    def post(self, request, id):
        self.body()
        order = self.order(id)
        send_link(order, actor=self.key.actor, expected_version=self.expected_version(order))
        return self.answer_order(order)


class OrderCancel(OrderView):
    """Cancel an order: it cannot be booked any more."""

    scopes = {"POST": WRITE}

    @operation(name="cancel_order", has_etag=True, supports_if_match=True, refusals=[OrderBooked])
    def post(self, request, id):
        """Cancel an order. One that has an appointment is refused: cancel that first."""
        self.body()
        order = self.order(id)
        cancel_order(order, actor=self.key.actor, expected_version=self.expected_version(order))
        return self.answer_order(order)
