"""Appointments: list, read, book directly, reschedule, cancel, and mark what became of them."""

from functools import partial

from django.db.models import Q
from django.http import Http404
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey
from booking.api.fields import AnyDay, Choice, Moment, Text
from booking.api.integration_fields import ExternalId, IntegrationInput
from booking.api.lists import Email, ListQuery, Sort
from booking.api.operation import operation
from booking.api.outputs import AppointmentOutput, write_appointments
from booking.api.pagination import ChangesQuery
from booking.api.refusals import MissingScope
from booking.api.serializers import Input, Way
from booking.api.v1.approval_views import ApprovalTimeoutsInput, ApprovalView
from booking.api.v1.attendance import Attendance, AttendeeInput, AttendeeName, PersonInput, RemindersInput
from booking.api.v1.expansions import AppointmentQuery, ExpandedAppointmentOutput, expand
from booking.api.v1.opening_input import NewTimeInput, OpeningInput
from booking.api.v1.opening_output import get_opening, offering_alternatives
from booking.api.views import ApiView
from booking.domain.appointments import (
    PastCutoff,
    TooEarly,
    annotate,
    cancel,
    complete,
    mark_arrived,
    mark_no_show,
    normalize_reference,
)
from booking.domain.approvals import ProviderRefused, ProviderUnavailable
from booking.domain.expiry import settle
from booking.domain.holds import get_hold
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.slot_selection import NotOffered, book_first_available
from booking.domain.transitions import HoldExpired, HoldNotFound, WrongState
from booking.models import UNRESTRICTED, ApiKey, Appointment, Order
from patients.records import PatientArchived
from scheduling.lib.integration_fields import TooMuchMetadata
from scheduling.slots import SlotTaken

READ, WRITE = ApiKey.Scope.READ_APPOINTMENTS, ApiKey.Scope.WRITE_APPOINTMENTS


class AppointmentFilters(ChangesQuery, ListQuery, AppointmentQuery):
    """Which appointments: all filters must hold; of one that is repeated, any of its values."""

    sort = Sort(start_time="starts_at", created_at="created_at", updated_at="updated_at")
    patient_id = serializers.UUIDField(required=False, help_text="Of this patient.")
    clinician_id = serializers.UUIDField(required=False, help_text="With this clinician.")
    location_id = serializers.UUIDField(required=False, help_text="At this location.")
    appointment_type_id = serializers.UUIDField(required=False, source="service_id", help_text="For this service.")
    order_id = serializers.UUIDField(required=False, help_text="Of this order.")
    reference = Text(
        required=False,
        max_length=20,
        help_text="The one with this reference, in whatever case, with or without its hyphen.",
    )
    external_id = ExternalId(help_text="With this id in another system, or else with an order that has it.")
    attendee_email = Email(source="attendee_email__iexact", help_text="Whose attendee has this e-mail address.")
    patient_email = Email(
        source="patient__email",
        help_text="Whose patient has this e-mail address. Needs the scope read_patients too.",
    )
    is_remote = serializers.BooleanField(required=False, help_text="By video, or not.")
    status = serializers.ListField(
        child=Choice(Appointment.Status.choices),
        required=False,
        max_length=7,
        help_text="May be repeated. Without it: any.",
    )
    start_from = Moment(required=False, source="starts_at__gte", help_text="Those that start then or later.")
    start_to = Moment(required=False, source="starts_at__lt", help_text="Those that start before that.")

    def validate(self, fields):
        if "status" in fields:
            fields["status__in"] = fields.pop("status")
        if "reference" in fields:
            fields["reference"] = normalize_reference(fields["reference"])
        if "patient__email" in fields:
            if not self.context["key"].may(ApiKey.Scope.READ_PATIENTS):
                raise MissingScope(ApiKey.Scope.READ_PATIENTS)
            fields["patient__email"] = fields["patient__email"].lower()
        if "external_id" in fields:
            external_id = fields["external_id"]
            # Two statements: PostgreSQL finds either by an index, but not both through a join.
            orders = list(Order.objects.filter(external_id=external_id).values_list("pk", flat=True))
            fields["external_id"] = Q(external_id=external_id) | Q(external_id="", order__in=orders)
        return fields


class AppointmentView(ApiView):
    """What all endpoints of appointments share."""

    tag = "Appointments"
    is_personal = True
    output = AppointmentOutput

    def appointment(self, id):
        rows = Appointment.objects.select_related("service", "location", "slot", "provider", "order")
        try:
            return settle(rows.get(UNRESTRICTED, pk=id))
        except Appointment.DoesNotExist:
            raise Http404 from None


class PersonByEmailInput(PersonInput):
    """A person, found by names and e-mail if the birth date is not known; two who share these are told apart by it."""

    date_of_birth = AnyDay(required=False, help_text="Between 1900 and today.")


class DirectInput(OpeningInput, Attendance, RemindersInput, ApprovalTimeoutsInput, IntegrationInput):
    """What to book, for whom, and how long to wait for its approver."""

    second_ways = Attendance.ways

    patient = PersonByEmailInput(required=False)


class Appointments(AppointmentView, ApprovalView):
    """List appointments by their start; book one at once, without a hold."""

    scopes = {"GET": READ, "POST": WRITE}
    ordering = "starts_at"

    @operation(query=AppointmentFilters, output=ExpandedAppointmentOutput, many=True)
    def get(self, request):
        """List appointments by their start, or as ``sort`` says, in pages."""
        # A page has many appointments of few services and locations: those are read once each.
        rows = Appointment.objects.select_related("provider", "order").prefetch_related("service", "location")
        appointments = self.paginate_queryset(rows.filter(UNRESTRICTED, self.filters))
        return self.get_paginated_response(expand(appointments, write_appointments(appointments, self.key), self))

    @operation(
        name="book_appointment",
        body=DirectInput,
        status=[201, 202],
        has_etag=True,
        has_location=True,
        refusals=[
            SlotTaken,
            NotOffered,
            InvalidBookingKey,
            PatientArchived,
            PatientBusy,
            ProviderRefused,
            ProviderUnavailable,
        ],
    )
    def post(self, request):
        """Book an opening at once, without a hold, for a patient by id or by what identifies a person."""
        return self.book(**self.body())


class ChangeInput(AttendeeInput, IntegrationInput):
    """What to change; what is left out stays."""

    attendee_name = AttendeeName()


class AppointmentEntry(AppointmentView):
    """Read one appointment, or change what is written down with it."""

    scopes = {"GET": READ, "PATCH": WRITE}

    @operation(query=AppointmentQuery, output=ExpandedAppointmentOutput, has_etag=True)
    def get(self, request, id):
        """Read one appointment."""
        appointment = self.appointment(id)
        [written] = expand([appointment], write_appointments([appointment], self.key), self)
        return self.answer_version(appointment, written)

    @operation(
        name="change_appointment",
        body=ChangeInput,
        has_etag=True,
        supports_if_match=True,
        refusals=[TooMuchMetadata],
    )
    def patch(self, request, id):
        """Change who comes, the notes, external id or metadata.

        What is sent is changed, and only that, whatever the status. Nobody is sent an e-mail; later ones go to the new
        address. To a key without the scope `read_appointments` the answer does not tell who comes, nor the metadata.
        """
        appointment = self.appointment(id)
        changes = self.body(partial=True, booking=appointment)
        annotate(appointment, actor=self.key.actor, expected_version=self.expected_version(appointment), **changes)
        return self.answer_appointment(appointment)


class RescheduleInput(NewTimeInput):
    """Another opening of the same service, or alone the id of a live hold."""

    ways = [*NewTimeInput.ways, Way("ToHold", ("hold_id",))]

    hold_id = serializers.UUIDField(required=False)

    def validate(self, fields):
        if "hold_id" not in fields:
            return super().validate(fields)
        if len(fields) > 1:
            raise serializers.ValidationError({"hold_id": "A hold names everything: send it alone."}, code="alone")
        return fields


class AppointmentReschedule(AppointmentView):
    """Give an appointment another time: the same appointment, the same id."""

    scopes = {"POST": WRITE}

    @operation(
        body=RescheduleInput,
        has_etag=True,
        supports_if_match=True,
        refusals=[
            SlotTaken,
            NotOffered,
            InvalidBookingKey,
            PatientBusy,
            HoldExpired,
            HoldNotFound,
            WrongState,
            PastCutoff,
        ],
    )
    def post(self, request, id):
        appointment = self.appointment(id)
        fields = self.body(service=appointment.service)
        options = {
            "actor": self.key.actor,
            "enforce_cutoff": True,
            "must_be_free": self.must_be_free,
            "expected_version": self.expected_version(appointment),
        }
        if "hold_id" in fields:
            hold = get_hold(self.key.actor, fields["hold_id"])
            with offering_alternatives(get_opening(hold)):
                reschedule_to_hold(appointment, hold, **options)
        else:
            with offering_alternatives(fields["opening"]):
                verb = partial(reschedule, appointment, **options)
                book_first_available(verb, fields["opening"], moving=appointment)
        return self.answer_appointment(appointment)


class CancelInput(Input):
    """Why: one of /cancellation-reasons, and a note for the clinic."""

    reason = Choice(Appointment.CancellationReason.given())
    note = Text(max_length=500, required=False, allow_blank=True)


class AppointmentCancel(AppointmentView):
    """Cancel an appointment and free its time."""

    scopes = {"POST": WRITE}

    @operation(body=CancelInput, has_etag=True, supports_if_match=True, refusals=[WrongState, PastCutoff])
    def post(self, request, id):
        appointment = self.appointment(id)
        cancel(
            appointment,
            actor=self.key.actor,
            enforce_cutoff=True,
            expected_version=self.expected_version(appointment),
            **self.body(),
        )
        return self.answer_appointment(appointment)


class AppointmentMark(AppointmentView):
    """Say what became of an appointment: arrive, complete or no-show."""

    scopes = {"POST": WRITE}
    mark = None

    @operation(has_etag=True, supports_if_match=True, refusals=[WrongState, TooEarly])
    def post(self, request, id):
        self.body()
        appointment = self.appointment(id)
        self.mark(appointment, actor=self.key.actor, expected_version=self.expected_version(appointment))
        return self.answer_appointment(appointment)


class AppointmentArrive(AppointmentMark):
    """Note that the patient has arrived: on the day of the visit, or two hours before one soon after midnight."""

    mark = staticmethod(mark_arrived)


class AppointmentComplete(AppointmentMark):
    """Note that the patient has been seen, once the visit has begun."""

    mark = staticmethod(complete)


class AppointmentNoShow(AppointmentMark):
    """Note that the patient did not come, once the visit has begun."""

    mark = staticmethod(mark_no_show)


class ReasonOutput(serializers.Serializer):
    """A reason to cancel; send its ``id``."""

    id = serializers.ChoiceField(Appointment.CancellationReason.given())
    name = serializers.CharField()


class CancellationReasons(ApiView):
    """List the reasons an appointment can be cancelled for."""

    tag = "Appointments"
    scopes = {"GET": None}

    @operation(output=ReasonOutput, many=True)
    def get(self, request):
        reasons = [{"id": value, "name": label} for value, label in Appointment.CancellationReason.given()]
        return self.answer(reasons, next_cursor=None, has_more=False)
