"""Appointments of orders: at the patient's home (phlebotomy), or at one of the clinic's sites (psc).

Both kinds have the same addresses and do the same. What an order has an address for is a visit at home.
"""

from functools import partial

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from booking.api.answers import Answer
from booking.api.dialects.junction.base import Scope, View
from booking.api.dialects.junction.inputs import (
    REASONS,
    AvailabilityInput,
    AvailabilityQuery,
    BookInput,
    CancelInput,
    OpeningInput,
    RequestInput,
)
from booking.api.dialects.junction.slots import (
    free_at_locations,
    get_service,
    list_near,
    nearest_first,
    write_days,
)
from booking.api.dialects.views import operation
from booking.api.v1.approval_views import ApprovalView
from booking.domain.appointments import annotate, cancel
from booking.domain.approvals import ApprovalTimeouts
from booking.domain.expiry import settle
from booking.domain.orders import change_order
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered, OpeningRequest, book_first_available
from booking.integrations.approvers import get_provider
from booking.integrations.webhooks.junction.appointments import get_provider_slug, write_appointment
from booking.models import UNRESTRICTED, Appointment, Event, Order
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, find_next_opening

# What an address may leave out.
LEFT_OUT = {"address_line_2": "", "unit": ""}


class Availability(View):
    """The slots of a week near an address, each with a booking key."""

    is_personal = False
    scopes = {"POST": Scope.READ_AVAILABILITY}
    once_with_a_key = ()

    @operation(query=AvailabilityQuery, body=AvailabilityInput)
    def post(self, request, kind):
        now, asked = timezone.now(), {**self.body(), **self.parameters}
        service = asked.get("service") or get_service(kind, key=self.key)
        if service is None:
            return Answer({"timezone": None, "slots": []})
        free = free_at_locations(service, start_date=asked.get("start_date"), now=now)
        near = nearest_first(free, zip_code=asked.get("zip_code", ""), city=asked.get("city", ""))
        if "site_codes" in asked:
            codes = set(asked["site_codes"])
            near = [location for location in near if codes & {str(location.pk), location.external_id}]
        is_at_home = kind == "phlebotomy"
        days = [
            day
            for location in (near[:1] if is_at_home else near)
            for day in write_days(service, location, free[location], now=now, names_location=not is_at_home)
        ]
        return Answer(
            {"timezone": near[0].timezone if near else None, "slots": sorted(days, key=lambda day: day["date"])}
        )


class CancellationReasons(View):
    """Why an appointment can be cancelled."""

    is_personal = False
    scopes = {"GET": None}

    @operation()
    def get(self, request, kind):
        return Answer([{"id": id, "name": reason.label, "is_refundable": True} for id, reason in REASONS.items()])


class AppointmentView(View):
    """What all endpoints of an order's appointment share."""

    def order(self, order_id):
        return get_object_or_404(Order.objects.select_related("service", "patient"), UNRESTRICTED, pk=order_id)

    def appointment(self, order_id):
        """Return the order's appointment; of several, all but one of them cancelled or missed, the latest."""
        rows = Appointment.objects.select_related("service", "location", "slot", "provider", "order")
        appointment = rows.filter(UNRESTRICTED, order=order_id).order_by("-created_at").first()
        if appointment is None:
            raise Http404
        return settle(appointment)

    def answer_booked(self, appointment):
        return self.answer_appointment(appointment)

    def answer_appointment(self, appointment):
        events = Event.objects.filter(subject_id=appointment.pk)
        shows_home = self.may_read_appointment(appointment)
        self.shown = {appointment.patient_id} if shows_home else set()
        return Answer(write_appointment(appointment, events, now=timezone.now(), shows_home=shows_home))


class AppointmentEntry(AppointmentView):
    """Read an order's appointment."""

    scopes = {"GET": Scope.WRITE_ORDERS}

    @operation()
    def get(self, request, kind, order_id):
        return self.answer_appointment(self.appointment(order_id))


class AppointmentBook(AppointmentView, ApprovalView):
    """Book an order with a booking key."""

    scopes = {"POST": Scope.WRITE_ORDERS}

    @operation(body=BookInput)
    def post(self, request, kind, order_id):
        order = self.order(order_id)
        return self.book(order=order, **self.body(service=order.service))


class AppointmentRequest(AppointmentView, ApprovalView):
    """Book the soonest visit at home with a provider; the patient can be given another time later."""

    scopes = {"POST": Scope.WRITE_ORDERS}

    @operation(body=RequestInput)
    def post(self, request, order_id):
        order, fields = self.order(order_id), self.body()
        address = {**LEFT_OUT, **fields.pop("address")}
        opening = self.find_soonest(order.service, fields.pop("provider"), address)
        is_moved = any(getattr(order, name) != value for name, value in address.items())
        # An order that cannot be booked is refused below, and stays as it is.
        if is_moved and order.cancelled_at is None and order.get_booked_appointment() is None:
            change_order(order, actor=self.key.actor, **address, latitude=None, longitude=None)
        return self.book(opening, order=order, timeouts=ApprovalTimeouts(is_async=True), **fields)

    def find_soonest(self, service, provider, address):
        """Return the first opening at the nearest location of the provider's; raises NotOffered."""
        near = [
            location
            for location in list_near(service, zip_code=address["postcode"], city=address["city"])
            if get_provider_slug(get_provider(service.pk, location.pk)) == provider
        ]
        if not near:
            raise ValidationError({"provider": "No such provider does this here."}, code="does_not_exist")
        for location in near:
            filters = OpeningFilters(service, location_id=location.pk, is_remote=False)
            if found := find_next_opening(filters, now=timezone.now()):
                return OpeningRequest(service, found.starts_at, location=location, is_remote=False)
        raise NotOffered([Reason.CLOSED])


class AppointmentReschedule(AppointmentView):
    """Give an order's appointment another time: the same one, with the same id."""

    scopes = {"PATCH": Scope.WRITE_APPOINTMENTS}

    @operation(body=OpeningInput)
    def patch(self, request, kind, order_id):
        appointment = self.appointment(order_id)
        fields = self.body(service=appointment.service)
        options = {"enforce_cutoff": True, "must_be_free": self.must_be_free}
        verb = partial(reschedule, appointment, actor=self.key.actor, **options)
        book_first_available(verb, fields["opening"], moving=appointment)
        if fields.get("notes", appointment.notes) != appointment.notes:
            annotate(appointment, actor=self.key.actor, notes=fields["notes"])
        return self.answer_appointment(appointment)


class AppointmentCancel(AppointmentView):
    """Cancel an order's appointment; the order can be booked again."""

    scopes = {"PATCH": Scope.WRITE_APPOINTMENTS}

    @operation(body=CancelInput)
    def patch(self, request, kind, order_id):
        appointment = self.appointment(order_id)
        cancel(appointment, actor=self.key.actor, enforce_cutoff=True, **self.body())
        return self.answer_appointment(appointment)
