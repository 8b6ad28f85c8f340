"""How holds and appointments are written: serializers say it to OpenAPI, functions write them."""

from datetime import datetime

import orjson
from django.utils import timezone
from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.hold_ids import write_hold_id
from booking.api.integration_fields import HIDDEN, Metadata
from booking.models import Appointment, Event, Hold
from booking.models.enums import EventKind
from scheduling.lib.pipelined_postgresql import execute_after_commit, execute_later

Verification = Appointment.Verification


class HoldOutput(serializers.ModelSerializer):
    """A claim on a time. ``seconds_left`` counts from ``server_time``: the client's clock may be wrong."""

    id = serializers.CharField(help_text="A UUID; with a publishable key the hold's secret token.")
    appointment_type_id = serializers.UUIDField(source="service_id")
    clinician_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start_time = Moment(source="local_start")
    end_time = Moment(source="local_end")
    status = serializers.ChoiceField(Hold.Status.choices, read_only=True)
    expires_at = Moment(help_text="In UTC.")
    server_time = Moment(read_only=True, help_text="In UTC.")
    seconds_left = serializers.IntegerField(read_only=True)
    extensions_left = serializers.IntegerField(read_only=True)
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
    patient_id = serializers.UUIDField(read_only=True, allow_null=True)
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
    external_id = serializers.CharField(read_only=True, help_text="Its id in another system, or else its order's.")
    metadata = Metadata()
    answer_by = Moment(
        read_only=True,
        allow_null=True,
        help_text="When it is cancelled unless somebody has confirmed it; null unless pending.",
    )
    can_reschedule = serializers.BooleanField(
        read_only=True,
        help_text="Whether the patient may still give it another time: it is to come, and the "
        "service's cancellation notice has not begun; while it is pending or reserved, until its start. Staff still "
        "may in admin.",
    )
    can_cancel = serializers.BooleanField(
        read_only=True,
        help_text="Whether the patient may still cancel it, by the same rule. Staff still may in "
        "admin, until it is completed or missed.",
    )
    cancellation_reason = serializers.CharField(
        help_text="One of /cancellation-reasons; `declined` or `not_acknowledged` if its approver said "
        "no, or nothing in time; `unusual` if staff found it made up, and nobody was sent a mail; or empty."
    )
    arrived_at = Moment(allow_null=True, help_text="Since when its patient is here, where staff or a program say so.")
    seen_at = Moment(allow_null=True, help_text="Since when they are with the clinician, where staff say so.")
    events = EventOutput(many=True, read_only=True)
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


def write_appointments(appointments, key, rows=None):
    """Return appointments as they are written to ``key``, their events read in one query.

    ``rows`` are those of ask_events_after_commit, where the appointment has just been made.
    """
    ids = [appointment.pk for appointment in appointments]
    events = group_events(ids, rows or execute_later(EVENTS, [ids]))
    now = timezone.now()
    if not key.is_publishable:
        return [write_appointment(each, events[each.pk], now) for each in appointments]
    for each in appointments:
        hide_later_events(each, events[each.pk])
    # It must not learn whether the patient was known.
    hidden = HIDDEN | {"patient_id": None}
    return [write_appointment(each, events[each.pk], now) | hidden for each in appointments]


def write_appointment(appointment, events, now):
    """Return an appointment as AppointmentOutput says."""
    can_change = appointment.can_change(now)
    is_pending = appointment.status == Appointment.Status.PENDING
    return {
        "id": str(appointment.pk),
        "reference": appointment.reference,
        "status": str(appointment.status),
        "appointment_type_id": str(appointment.service_id),
        "clinician_id": str(appointment.clinician_id),
        "location_id": str(appointment.location_id),
        "start_time": appointment.local_start.isoformat(),
        "end_time": appointment.local_end.isoformat(),
        "timezone": appointment.location.timezone,
        "is_remote": appointment.is_remote,
        "meeting_url": appointment.meeting_url,
        "patient_id": str(appointment.patient_id),
        "attendee_name": appointment.attendee_name,
        "attendee_email": appointment.attendee_email,
        "attendee_phone": appointment.attendee_phone,
        "contact_name": appointment.contact_name,
        "relation": str(appointment.relation),
        "notes": appointment.notes,
        "price": float(appointment.price),
        "currency": appointment.currency,
        "order_id": appointment.order_id and str(appointment.order_id),
        "provider": appointment.provider and appointment.provider.slug,
        "provider_id": appointment.provider_reference,
        "external_id": appointment.external_id or (appointment.order.external_id if appointment.order_id else ""),
        "metadata": appointment.metadata,
        "answer_by": write_moment(appointment.answer_by) if is_pending else None,
        "can_reschedule": can_change,
        "can_cancel": can_change,
        "cancellation_reason": str(appointment.cancellation_reason),
        "arrived_at": write_moment(appointment.arrived_at),
        "seen_at": write_moment(appointment.seen_at),
        "events": events,
        "created_at": write_moment(appointment.created_at),
        "updated_at": write_moment(appointment.updated_at),
    }


def write_moment(moment):
    return moment and moment.isoformat()


def group_events(ids, rows):
    """Return the events of appointments as EventOutput says, in lists by their appointments' ids."""
    events = {id: [] for id in ids}
    for id, sequence, kind, created_at, status, data in rows:
        events[id].append(
            {
                "sequence": sequence,
                "kind": kind,
                "created_at": created_at.isoformat(),
                "status": status,
                "data": orjson.loads(data),
            }
        )
    return events


def hide_later_events(appointment, events):
    """Take from an appointment that is shown as_without_proof what has become of it, and its time."""
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


def ask_events_after_commit(id):
    """Have the events of what is about to be booked read with the COMMIT; return the rows, for write_appointments."""
    return execute_after_commit(EVENTS, [[id]])


def write_hold(hold, key):
    """Return a hold as HoldOutput says, as it is written to ``key``: expired as soon as it has run out."""
    now = timezone.now()
    is_live = hold.is_live(now)
    has_run_out = hold.status == Hold.Status.ACTIVE and not is_live
    written = {
        "id": write_hold_id(hold, key),
        "status": str(Hold.Status.EXPIRED if has_run_out else hold.status),
        "appointment_type_id": str(hold.service_id),
        "clinician_id": str(hold.clinician_id),
        "location_id": str(hold.location_id),
        "start_time": hold.local_start.isoformat(),
        "end_time": hold.local_end.isoformat(),
        "is_remote": hold.is_remote,
        "expires_at": hold.expires_at.isoformat(),
        "server_time": now.isoformat(),
        "seconds_left": hold.seconds_left(now),
        "extensions_left": hold.extensions_left if is_live else 0,
        "external_id": hold.external_id,
        "metadata": hold.metadata,
    }
    return written | HIDDEN if key.is_publishable else written
