"""How holds, appointments and patients are written."""

from datetime import datetime

import orjson
from django.db import connection
from django.utils import timezone
from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.hold_ids import write_hold_id
from booking.api.integration_fields import HIDDEN, Metadata
from booking.models import Appointment, Event, Hold
from booking.models.enums import EventKind
from patients.models import Patient

Verification = Appointment.Verification


class HoldOutput(serializers.ModelSerializer):
    """A claim on a time. ``seconds_left`` counts from ``server_time``: the client's clock may be wrong."""

    id = serializers.CharField(help_text="A UUID; with a publishable key the hold's secret token.")
    appointment_type_id = serializers.UUIDField(source="service_id")
    clinician_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start_time = Moment(source="local_start")
    end_time = Moment(source="local_end")
    status = serializers.SerializerMethodField()
    expires_at = Moment(help_text="In UTC.")
    server_time = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField()
    extensions_left = serializers.SerializerMethodField()
    metadata = Metadata()

    class Meta:
        model = Hold
        fields = [
            "id",
            "status",
            "appointment_type_id",
            "clinician_id",
            "location_id",
            "start_time",
            "end_time",
            "is_remote",
            "expires_at",
            "server_time",
            "seconds_left",
            "extensions_left",
            "external_id",
            "metadata",
        ]

    def get_status(self, hold) -> serializers.ChoiceField(Hold.Status.choices):
        """Return expired as soon as it has run out: it may be marked only later."""
        has_run_out = hold.status == Hold.Status.ACTIVE and not hold.is_live(timezone.now())
        return Hold.Status.EXPIRED if has_run_out else hold.status

    def get_server_time(self, hold) -> Moment(help_text="In UTC."):
        return timezone.now().isoformat()

    def get_seconds_left(self, hold) -> int:
        return hold.seconds_left(timezone.now())

    def get_extensions_left(self, hold) -> int:
        return hold.extensions_left if hold.is_live(timezone.now()) else 0


# What an appointment says of who comes, beside the patient's id.
OF_ATTENDEE = [
    "attendee_name",
    "attendee_email",
    "attendee_phone",
    "contact_name",
    "relation",
    "notes",
    "meeting_url",
]


class EventOutput(serializers.ModelSerializer):
    """Something that happened to a booking; ``status`` is what it was from then on, empty if unchanged."""

    created_at = Moment()
    status = serializers.CharField(source="to_status")

    class Meta:
        model = Event
        fields = ["sequence", "kind", "created_at", "status", "data"]


class AppointmentOutput(serializers.ModelSerializer):
    """A person is seen by a clinician. Start and end have the location's offset; ``price`` is a number."""

    appointment_type_id = serializers.UUIDField(source="service_id")
    clinician_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    patient_id = serializers.SerializerMethodField()
    start_time = Moment(source="local_start")
    end_time = Moment(source="local_end")
    timezone = serializers.CharField(source="location.timezone")
    price = serializers.FloatField()
    currency = serializers.CharField(max_length=3)
    order_id = serializers.UUIDField(allow_null=True)
    provider = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True, help_text="Who acknowledges it; null is the clinic."
    )
    provider_id = serializers.CharField(source="provider_reference", help_text="The provider's own id for it.")
    external_id = serializers.SerializerMethodField(help_text="Its id in another system, or else its order's.")
    metadata = Metadata()
    answer_by = serializers.SerializerMethodField()
    can_reschedule = serializers.SerializerMethodField(
        "get_can_change",
        help_text="Whether the patient may still give it another time: it is to come, and the "
        "service's cancellation notice has not begun; while it is pending or reserved, until its start. Staff still "
        "may in admin.",
    )
    can_cancel = serializers.SerializerMethodField(
        "get_can_change",
        help_text="Whether the patient may still cancel it, by the same rule. Staff still may in "
        "admin, until it is completed or missed.",
    )
    cancellation_reason = serializers.CharField(
        help_text="One of /cancellation-reasons; `declined` or `not_acknowledged` if its approver said "
        "no, or nothing in time; `unusual` if staff found it made up, and nobody was sent a mail; or empty."
    )
    arrived_at = Moment(allow_null=True, help_text="Since when its patient is here, where staff or a program say so.")
    seen_at = Moment(allow_null=True, help_text="Since when they are with the clinician, where staff say so.")
    events = serializers.SerializerMethodField()
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        model = Appointment
        fields = [
            "id",
            "reference",
            "status",
            "appointment_type_id",
            "clinician_id",
            "location_id",
            "start_time",
            "end_time",
            "timezone",
            "is_remote",
            "meeting_url",
            "patient_id",
            "attendee_name",
            "attendee_email",
            "attendee_phone",
            "contact_name",
            "relation",
            "notes",
            "price",
            "currency",
            "order_id",
            "provider",
            "provider_id",
            "external_id",
            "metadata",
            "answer_by",
            "can_reschedule",
            "can_cancel",
            "cancellation_reason",
            "arrived_at",
            "seen_at",
            "events",
            "created_at",
            "updated_at",
        ]

    def get_patient_id(self, appointment) -> serializers.UUIDField(allow_null=True):
        """Null for a publishable key: it must not learn whether the patient was known."""
        return appointment.patient_id if appointment.shows_patient else None

    def get_external_id(self, appointment) -> str:
        return appointment.external_id or (appointment.order.external_id if appointment.order_id else "")

    def get_answer_by(self, appointment) -> Moment(
        allow_null=True, help_text="When it is cancelled unless somebody has confirmed it; null unless pending."
    ):
        is_pending = appointment.status == Appointment.Status.PENDING
        return appointment.answer_by.isoformat() if is_pending else None

    def get_can_change(self, appointment) -> bool:
        return appointment.can_change(timezone.now())

    def get_events(self, appointment) -> EventOutput(many=True):
        return appointment.events


def write_appointments(appointments, key):
    """Return appointments as they are written to ``key``, their events read in one query."""
    by_id = {appointment.pk: appointment for appointment in appointments}
    for appointment in appointments:
        appointment.events, appointment.shows_patient = [], not key.is_publishable
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [list(by_id)])
        for id, sequence, kind, created_at, status, data in cursor:
            by_id[id].events.append(
                {
                    "sequence": sequence,
                    "kind": kind,
                    "created_at": created_at.isoformat(),
                    "status": status,
                    "data": orjson.loads(data),
                }
            )
    if key.is_publishable:
        for appointment in appointments:
            hide_later_events(appointment)
    written = [write_appointment(appointment) for appointment in appointments]
    return [one | HIDDEN for one in written] if key.is_publishable else written


def hide_later_events(appointment):
    """Take from an appointment that is shown as_without_proof what has become of it, and its time."""
    events = appointment.events
    if appointment.verification == Verification.REQUIRED_QUIETLY and appointment.status == Appointment.Status.CONFIRMED:
        end = [event["kind"] for event in events].index(EventKind.APPOINTMENT_CREATED) + 1
        events[end - 1 :] = [{**events[end - 1], "status": appointment.status}]
    # The row's own time tells of the rest.
    appointment.updated_at = datetime.fromisoformat(events[-1]["created_at"])


# By hand, as EventOutput says: every answer with an appointment has them.
EVENTS = """
    SELECT subject_id, sequence, kind, created_at, to_status, data FROM booking_event
     WHERE subject_id = ANY(%s) ORDER BY subject_id, sequence
"""


# Instantiate each serializer once: that takes longer than to use it.
write_hold_fields = HoldOutput().to_representation
write_appointment = AppointmentOutput().to_representation


def write_hold(hold, key):
    """Return a hold as it is written to ``key``."""
    written = {**write_hold_fields(hold), "id": write_hold_id(hold, key)}
    return written | HIDDEN if key.is_publishable else written


class PatientOutput(serializers.ModelSerializer):
    """A person who is or was to be seen. Archived ones, perhaps merged into another, only lists of changes have."""

    phone = serializers.CharField(source="phone_with_extension")
    metadata = Metadata()
    archived_at = Moment(allow_null=True)
    merged_into_id = serializers.UUIDField(allow_null=True, help_text="The record that remains of two.")
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        model = Patient
        fields = [
            "id",
            "first_name",
            "last_name",
            "date_of_birth",
            "email",
            "phone",
            "nhs_number",
            "external_id",
            "metadata",
            "archived_at",
            "merged_into_id",
            "created_at",
            "updated_at",
        ]


class ChangedPatientOutput(PatientOutput):
    """A patient, as they are now; to a key without the scope read_patients only their id and when that was."""

    always = ["id", "updated_at"]
