"""Appointments. What is only held is one too: its status is IN."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from rest_framework import serializers

from booking.api.dialects.onsched.base import Scope, View
from booking.api.dialects.onsched.inputs import (
    AppointmentChange,
    AppointmentInput,
    AppointmentQuery,
    BookInput,
    CancelInput,
    HoldInput,
    TimeInput,
)
from booking.api.dialects.onsched.outputs import HELD, RESERVED, STATUSES, write_appointment, write_event
from booking.api.dialects.views import operation
from booking.api.hold_ids import get_own_hold
from booking.api.refusals import NotHeldAnyMore
from booking.api.v1.approval_views import ApprovalView
from booking.api.v1.holds import get_place_hold
from booking.api.v1.opening_output import get_opening, offering_alternatives
from booking.domain.appointments import annotate, cancel, confirm
from booking.domain.expiry import settle
from booking.domain.holds import get_hold, move_hold, release_hold
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import book_first_available
from booking.domain.transitions import HoldExpired, HoldNotFound, WrongState
from booking.models import UNRESTRICTED, Appointment, Event, Hold
from scheduling.lib.clock import database_now


class AppointmentView(View):
    """What all endpoints of appointments share."""

    def booking(self, id):
        """Return the Appointment with that id, or the Hold of one's own that may become it."""
        rows = Appointment.objects.select_related("service", "location", "slot", "provider", "patient")
        appointment = rows.filter(UNRESTRICTED, pk=id).first()
        return settle(appointment) if appointment else self.hold(id)

    def appointment(self, id):
        """Return the Appointment with that id; raises WrongState for what is only held."""
        booking = self.booking(id)
        if isinstance(booking, Hold):
            raise WrongState(booking)
        return booking

    def hold(self, id):
        """Return the Hold with that id, if it is or was held and has not run out."""
        hold = get_own_hold(self.key, str(id))
        if hold.status == Hold.Status.CONFIRMED:
            raise NotHeldAnyMore
        if hold.status != Hold.Status.RELEASED and not hold.is_live(database_now()):
            with offering_alternatives(get_opening(hold)):
                raise HoldExpired(hold)
        return hold

    def answer_booked(self, appointment):
        return self.answer_booking(appointment, 201)

    def answer_booking(self, booking, status=200):
        return self.succeed(write_appointment(booking, self.key), status)


class AppointmentNew(AppointmentView, ApprovalView):
    """Book a time at once."""

    scopes = {"POST": Scope.WRITE_APPOINTMENTS}

    @operation(body=AppointmentInput)
    def post(self, request):
        return self.book(**self.body())


class AppointmentList(AppointmentView):
    """List appointments, and what the key itself holds, by their start."""

    scopes = {"GET": Scope.READ_APPOINTMENTS}

    @operation(query=AppointmentQuery)
    def get(self, request):
        return self.answer_page(self.list_keys(), self.write, load=self.load)

    def list_keys(self):
        """Return the ids of both, in the order of their starts."""
        where, letters = self.parameters["where"], self.parameters.get("status")
        booked = Appointment.objects.filter(UNRESTRICTED, **where)
        held = Hold.objects.filter(holder=self.key.actor, status=Hold.Status.ACTIVE, expires_at__gt=database_now())
        held = held.filter(**where)
        if letters:
            booked = booked.filter(status__in=[status for status, pair in STATUSES.items() if pair in letters])
            if HELD not in letters:
                held = held.filter(lifetime=timedelta())
            if RESERVED not in letters:
                held = held.exclude(lifetime=timedelta())
        booked, held = (rows.order_by().values_list("pk", "starts_at") for rows in (booked, held))
        return booked.union(held, all=True).order_by("starts_at", "pk")

    def load(self, keys):
        """Return the bookings with those keys, in their order; what has been confirmed since is an appointment."""
        ids = [id for id, _ in keys]
        found = {}
        for model in (Hold, Appointment):
            found |= model.objects.select_related("location", "patient").in_bulk(ids)
        return [found[id] for id in ids]

    def write(self, booking):
        return write_appointment(booking, self.key)


class Appointments(AppointmentList, AppointmentNew):
    """List appointments; book one at once."""

    scopes = AppointmentList.scopes | AppointmentNew.scopes


class AppointmentHold(AppointmentView):
    """Hold a time, so that nobody else can have it for as long as holds live at its location."""

    scopes = {"POST": Scope.WRITE_HOLDS}
    until_start = False

    @operation(body=HoldInput)
    def post(self, request):
        fields = self.body()
        opening = fields.pop("opening")
        place = partial(get_place_hold(self, opening.service), until_start=self.until_start, **fields)
        with offering_alternatives(opening):
            return self.answer_booking(book_first_available(place, opening), 201)


class AppointmentReserve(AppointmentHold):
    """Reserve a time: hold it until its start, for servers only."""

    scopes = {"POST": Scope.WRITE_APPOINTMENTS}
    until_start = True


class AppointmentEntry(AppointmentView):
    """Read an appointment, or change who comes, the notes and the metadata."""

    scopes = {"GET": Scope.READ_APPOINTMENTS, "PUT": Scope.WRITE_APPOINTMENTS}

    @operation()
    def get(self, request, id):
        return self.answer_booking(self.booking(id))

    @operation(body=AppointmentChange)
    def put(self, request, id):
        """Change what is sent, and only that."""
        appointment = self.appointment(id)
        if changes := self.body(booking=appointment):
            annotate(appointment, actor=self.key.actor, **changes)
        return self.answer_booking(appointment)


class AppointmentAudit(AppointmentView):
    """List what has happened to an appointment, from when it was held on; no personal data is in it."""

    scopes = {"GET": Scope.READ_APPOINTMENTS}

    @operation()
    def get(self, request, id):
        if not Appointment.objects.filter(pk=id).exists():
            get_hold(self.key.actor, id)
        events = Event.objects.filter(subject_id=id).order_by("sequence")
        return self.succeed([write_event(event) for event in events])


class AppointmentBook(AppointmentView, ApprovalView):
    """Book what is held: from IN to BK."""

    scopes = {"PUT": Scope.WRITE_HOLDS}

    @operation(body=BookInput)
    def put(self, request, id):
        hold = self.hold(id)
        fields = self.body(booking=hold)
        patient = fields.pop("patient", None) or hold.patient
        if patient is None:
            raise serializers.ValidationError({"Customer": "Say who comes."}, code="required")

        def answer(confirm):
            try:
                return self.answer_booking(self.as_told(confirm(must_be_new=True)))
            except WrongState as error:  # another request was quicker
                raise (NotHeldAnyMore if error.state == Hold.Status.CONFIRMED else HoldNotFound) from error

        return self.confirm(hold, patient=patient, answer=answer, **fields)


class AppointmentConfirm(AppointmentView):
    """Confirm what waits for the clinic's staff to agree: from PE or RS to BK."""

    scopes = {"PUT": Scope.WRITE_APPOINTMENTS}

    @operation()
    def put(self, request, id):
        appointment = self.appointment(id)
        confirm(appointment, actor=self.key.actor, overrules=False)
        return self.answer_booking(appointment)


class AppointmentReschedule(AppointmentView):
    """Give an appointment another time: the same one, with the same id."""

    scopes = {"PUT": Scope.WRITE_APPOINTMENTS}

    @operation(body=TimeInput)
    def put(self, request, id):
        booking = self.booking(id)
        opening = self.body(service=booking.service)["opening"]
        opening = replace(opening, location=opening.location or booking.location)
        if isinstance(booking, Hold):
            verb = partial(move_hold, booking)
        else:
            verb = partial(reschedule, booking, enforce_cutoff=True)
        verb = partial(verb, actor=self.key.actor, must_be_free=self.must_be_free)
        with offering_alternatives(opening):
            book_first_available(verb, opening, moving=booking)
        return self.answer_booking(booking)


class AppointmentCancel(AppointmentView):
    """Cancel an appointment, or give a held time back."""

    scopes = {"PUT": Scope.WRITE_APPOINTMENTS}

    @operation(body=CancelInput)
    def put(self, request, id):
        booking = self.booking(id)
        fields = self.body()
        if isinstance(booking, Hold):
            release_hold(booking, actor=self.key.actor)
        else:
            reason = Appointment.CancellationReason.OTHER
            cancel(booking, reason=reason, actor=self.key.actor, enforce_cutoff=True, **fields)
        return self.answer_booking(booking)
