"""Events as sentences: who did what with whose visit, and from what to what where that is no patient's value."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html

from booking.access.visibility import visible_to
from booking.domain.booking_rules import Rule
from booking.models import Appointment, Event, Hold, Order, WaitlistEntry
from booking.models.enums import EventKind
from patients.admin.shown_patients import note_shown
from patients.models import ArchiveReason, Patient
from scheduling.lib.timezones import format_local
from scheduling.models import Location

# {who} did it, {what} is what it is about; other names are of the event's data.
SENTENCES = {
    EventKind.HOLD_PLACED: "{who} held {what}",
    EventKind.HOLD_EXTENDED: "{who} held {what} for longer, until {expires_at}",
    EventKind.HOLD_MOVED: "{who} held {what} at another time: {to} instead of {from}",
    EventKind.HOLD_RELEASED: "{who} gave back {what}",
    EventKind.HOLD_EXPIRED: "Nobody confirmed {what} in time",
    EventKind.HOLD_CONFIRMED: "{who} took the held time of {what}",
    EventKind.APPOINTMENT_CREATED: "{who} booked {what}",
    EventKind.APPOINTMENT_UPDATED: "{who} changed {what}",
    EventKind.APPOINTMENT_RESCHEDULED: "{who} moved {what} from {from} to {to}",
    EventKind.APPOINTMENT_CANCELLED: "{who} cancelled {what}",
    EventKind.APPOINTMENT_COMPLETED: "{who} marked {what} as completed",
    EventKind.APPOINTMENT_NO_SHOW: "{who} marked {what} as a no-show",
    EventKind.APPOINTMENT_STRANDED: "{who} left {what} stranded",
    EventKind.APPOINTMENT_OFFERED: "{who} offered other times for {what}",
    EventKind.APPOINTMENT_SETTLED: "{who} settled what had stranded {what}",
    EventKind.APPOINTMENT_OVERRIDDEN: "{who} overrode rules for {what}",
    EventKind.CONFIRMATION_RESENT: "{who} sent the confirmation of {what} again",
    EventKind.APPROVER_ASKED: "{who} asked the approver about {what}",
    EventKind.APPROVER_AGREED: "The approver agreed to {what}",
    EventKind.APPROVER_REFUSED: "The approver refused {what}",
    EventKind.APPROVER_WITHDRAWN: "{who} told the approver that {what} is off",
    EventKind.APPROVER_IGNORED: "The approver said before the visit what became of {what}: ignored",
    EventKind.ORDER_CREATED: "{who} wrote down {what}",
    EventKind.ORDER_UPDATED: "{who} changed {what}",
    EventKind.ORDER_CANCELLED: "{who} cancelled {what}",
    EventKind.ORDER_LINK_SENT: "{who} mailed the link of {what}, good until {good_until}",
    EventKind.ORDER_LINK_REVOKED: "{who} took back the link of {what}",
    EventKind.PATIENT_CREATED: "{who} wrote down {what}",
    EventKind.PATIENT_UPDATED: "{who} changed {what}",
    EventKind.PATIENT_ARCHIVED: "{who} archived {what}",
    EventKind.PATIENT_RESTORED: "{who} took {what} into use again",
    EventKind.PATIENT_MERGED: "{who} merged another record into {what}",
    EventKind.PATIENT_UNMERGED: "{who} undid the merge of another record into {what}",
    EventKind.PATIENT_ERASED: "{who} erased {what}",
    EventKind.PATIENT_RESTRICTED: "{who} restricted {what}",
    EventKind.LOCATION_UPDATED: "{who} changed {what}",
    EventKind.WAITLIST_JOINED: "{who} put {what} on the waiting list",
    EventKind.WAITLIST_CONFIRMED: "{who} confirmed the e-mail address of {what}",
    EventKind.WAITLIST_UPDATED: "{who} changed {what}",
    EventKind.WAITLIST_OFFERED: "{who} offered a time for {what}",
    EventKind.WAITLIST_OFFER_ENDED: "The offer for {what} ended",
    EventKind.WAITLIST_ENDED: "{who} took {what} off the waiting list",
}
# Of changes that have a new status instead of names of fields.
STATUS_SENTENCES = {
    "reserved": "{who} reserved {what}",
    "confirmed": "{who} confirmed {what}",
    "in_progress": "{who} marked {what} as arrived",
}
REASONS = {
    **dict(Appointment.OverrideReason.choices),
    **dict(ArchiveReason.choices),
    **dict(Appointment.CancellationReason.choices),
}
STATUSES = {**dict(Hold.Status.choices), **dict(Appointment.Status.choices)}
FIELDS = {
    "meeting_url": "video link",
    "link_version": "links",
    "attendance_confirmed_at": "that the patient says they are coming",
    "seen_at": "when the patient was seen",
    "arrived_at": "when the patient arrived",
    "attendee_name": "who comes",
    "attendee_email": "e-mail address",
    "attendee_phone": "phone number",
    "nhs_number": "NHS number",
    **dict(Rule.choices),
}
DATA_NAMES = {"undone": "taken back: it was"}
TOLD = {"merged_id", "reason"}  # data that a sentence has in other words, or that mean nothing to people


class Subject(NamedTuple):
    """What an event is about, in words and with its page, if the reader may see it."""

    words: str
    url: str = ""
    patient_id: UUID | None = None


def name_subjects(request, events: Iterable[Event]) -> dict[UUID, Subject]:
    """Return what events are about, as far as the member of staff may see it; patients whom it names are noted."""
    ids = {kind: {event.subject_id for event in events if event.subject_type == kind} for kind in Event.SubjectType}
    found = {}
    for finder in (_name_holds, _name_appointments, _name_patients, _name_orders, _name_wishes, _name_locations):
        found |= finder(request, ids)
    note_shown(request, {subject.patient_id for subject in found.values() if subject.patient_id})
    return found


def _find(request, model, ids, permission, *related):
    if not ids or not request.user.has_perm(permission):
        return []
    return visible_to(request.user, model.objects.filter(pk__in=ids).select_related(*related))


def _name_holds(request, ids):
    holds = _find(
        request, Hold, ids[Event.SubjectType.BOOKING], "booking.view_hold", "clinician", "service", "location"
    )
    return {hold.pk: Subject(f"a time for {hold}", _get_page("booking_hold", hold)) for hold in holds}


def _name_appointments(request, ids):
    visits = _find(request, Appointment, ids[Event.SubjectType.BOOKING], "booking.view_appointment")
    return {
        visit.pk: Subject(
            f"the visit of {visit.attendee_name or 'nobody any more'} ({visit.reference})",
            _get_page("booking_appointment", visit),
            visit.patient_id,
        )
        for visit in visits
    }


def _name_patients(request, ids):
    people = _find(request, Patient, ids[Event.SubjectType.PATIENT], "patients.view_patient")
    return {one.pk: Subject(f"the record of {one}", _get_page("patients_patient", one), one.pk) for one in people}


def _name_orders(request, ids):
    orders = _find(request, Order, ids[Event.SubjectType.ORDER], "booking.view_order", "patient", "service")
    return {
        each.pk: Subject(f"the order: {each}", _get_page("booking_order", each), each.patient_id) for each in orders
    }


def _name_wishes(request, ids):
    wishes = _find(request, WaitlistEntry, ids[Event.SubjectType.WAITLIST], "booking.view_waitlistentry", "service")
    return {
        wish.pk: Subject(f"the wish of {wish.name}: {wish}", _get_page("booking_waitlistentry", wish), wish.patient_id)
        for wish in wishes
    }


def _name_locations(request, ids):
    places = _find(request, Location, ids[Event.SubjectType.LOCATION], "scheduling.view_location")
    return {place.pk: Subject(str(place), _get_page("scheduling_location", place)) for place in places}


def _get_page(model, row):
    return reverse(f"admin:{model}_change", args=[row.pk])


NAMELESS = {
    Event.SubjectType.BOOKING: "a visit",
    Event.SubjectType.PATIENT: "a patient’s record",
    Event.SubjectType.ORDER: "an order",
    Event.SubjectType.LOCATION: "a location",
    Event.SubjectType.WAITLIST: "a wish",
}


def write_sentence(event: Event, *, who: str, subject: Subject | None, zone) -> str:
    """Return an event as a sentence, with a link to what it is about."""
    subject = subject or Subject(NAMELESS[event.subject_type])  # pyright: ignore[reportArgumentType]
    what = format_html("<bdi>{}</bdi>", subject.words)
    if subject.url:
        what = format_html('<a href="{}">{}</a>', subject.url, what)
    pattern = SENTENCES.get(event.kind, "{who} did something with {what}: " + event.kind)  # pyright: ignore
    if event.kind == EventKind.APPOINTMENT_UPDATED and not event.data:
        pattern = STATUS_SENTENCES.get(event.to_status, pattern)
    values = {name: format_value(value, zone) for name, value in event.data.items()}
    try:
        sentence = format_html(pattern, **values, who=who[:1].upper() + who[1:], what=what)
    except KeyError:  # an earlier release wrote less
        sentence = format_html("{}: {}, {}", event.kind, what, who)
    more = [REASONS.get(event.data["reason"], values["reason"])] if "reason" in values else []
    more += [values["changed"]] if "changed" in values else []
    told = {name for name in values if f"{{{name}}}" in pattern} | TOLD | {"changed"}
    more += [
        f"{DATA_NAMES.get(name, name.replace('_', ' '))} {value}"
        for name, value in values.items()
        if name not in told and value
    ]
    more += _describe_status(event, pattern)
    sentence = format_html("{}: {}", sentence, "; ".join(more)) if more else sentence
    return format_html("{}.", sentence)


def _describe_status(event, pattern):
    """Return how the status changed, where the sentence does not say it."""
    if not event.from_status or event.kind not in (EventKind.APPOINTMENT_CANCELLED, EventKind.APPOINTMENT_UPDATED):
        return []
    return [f"it was {STATUSES.get(event.from_status, event.from_status).lower()}"]


def format_value(value, zone) -> str:
    """Return a value of an event's data as readable text."""
    if isinstance(value, list):
        return ", ".join(FIELDS.get(item, str(item).replace("_", " ")) for item in value)
    try:
        return format_local(datetime.fromisoformat(value), zone)
    except (TypeError, ValueError):
        return REASONS.get(value) or STATUSES.get(value) or str(value).replace("_", " ")
