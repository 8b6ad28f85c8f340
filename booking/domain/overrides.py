"""Booking and moving against the rules, by staff who may and say why.

The one verb that puts a slot over another: nothing else writes lane 1, and the database refuses a slot like that whose
appointment has no override reason. No program can: the API does not know these verbs.
"""

from collections.abc import Collection
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from psycopg.types.range import TimestamptzRange

from booking.domain.appointments import create_appointment, lock_appointment
from booking.domain.audit import record_event
from booking.domain.booking_rules import Rule, check_possible, find_broken, list_taken_around
from booking.domain.expiry import move_time, move_time_twice, take_time, take_time_twice
from booking.domain.holds import Holder, new_hold, set_opening
from booking.domain.orders import check_not_booked
from booking.domain.patient_conflicts import check_conflicts, tell_patient
from booking.domain.patients import find_or_register, lock_patient
from booking.domain.rescheduling import check_provider, is_there, save_moved
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import WrongState, transition
from booking.integrations.approvers import get_approver, get_provider
from booking.models import Acknowledgement, Appointment, Event, Hold, Order
from booking.models.enums import EventKind
from patients.models import Patient
from scheduling.models import Slot
from scheduling.slots import SlotTaken, lock_clinician, lock_clinicians, set_slot_expiry


@dataclass(frozen=True)
class Override:
    """What staff decide: ``rules`` that they know to be broken, an OverrideReason, and perhaps a note.

    The note is kept with the appointment, and is no part of the event. Raises ValueError for any other reason.
    """

    rules: Collection[str]
    reason: str
    note: str = ""

    def __post_init__(self) -> None:
        Appointment.OverrideReason(self.reason)


class RulesBroken(Exception):
    """The time is against ``rules``, sorted, which were not named: whoever overrides must know what."""

    message = _("That time is against rules that you have not been shown.")

    def __init__(self, rules: Collection[Rule]) -> None:
        self.rules = sorted(rules)
        super().__init__(", ".join(self.rules))


class TakenTwice(SlotTaken):
    """Two visits, or their buffers, are at that time already: there is no third."""

    message = _("Two visits are booked at that time already.")


@transaction.atomic
def book_against_rules(
    opening: OpeningRequest,
    override: Override,
    *,
    patient: Patient,
    actor: str,
    holder: Holder,
    order: Order | None = None,
    notes: str = "",
    attendee: dict | None = None,
    answer_within: timedelta | None = None,
    must_be_free: bool = False,
    id: UUID | None = None,
) -> Appointment:
    """Book a time at once, though it is against the rules that ``override`` names, and return the Appointment.

    The other arguments are as for book_directly; with an ``id`` that is booked already it is that one. Where another
    system must approve, it is pending and that is asked soon. Against no rule it is booked like any other. Raises
    RulesBroken if it is against others, TakenTwice, NotOffered, PatientArchived, PatientBusy, OrderBooked or
    OrderCancelled, and then nothing has changed.
    """
    hold = new_hold(opening, holder, lifetime=timedelta(), order=order, metadata={}, id=id or uuid4())
    if order:
        check_not_booked(order, next_clinician_id=hold.clinician_id)
    now = lock_clinician(hold.clinician_id)
    if booked := Appointment.objects.filter(pk=id).first():
        return booked
    check_possible(hold, now)
    hold.slot, broken = _take(hold, override.rules, now)
    hold.created_at, hold.expires_at = now, hold.ends_at
    patient = find_or_register(patient, actor=actor)
    conflicts = check_conflicts(hold, patient.pk, must_be_free=must_be_free)
    acknowledgement = _acknowledge(hold, now, answer_within)
    hold.save(force_insert=True)
    record_event(hold, EventKind.HOLD_PLACED, actor=actor, at=now, to_status=hold.status)
    transition(hold, Hold.Status.CONFIRMED, kind=EventKind.HOLD_CONFIRMED, actor=actor, at=now)
    set_slot_expiry(hold.slot_id, expires_at=acknowledgement.answer_by)
    appointment = create_appointment(
        hold,
        patient=patient,
        attendee=attendee or patient.contact,
        acknowledgement=acknowledgement,
        verification=Appointment.Verification.NOT_NEEDED,
        said_new_is_known=False,
        notes=notes,
        language="",
        patient_timezone="",
        external_id="",
        metadata={},
        actor=actor,
        at=now,
    )
    if broken:
        appointment.override_reason, appointment.override_note = override.reason, override.note
        appointment.save(update_fields=["override_reason", "override_note", "updated_at"])
        record_override(appointment, broken, override, actor=actor, at=now)
    tell_patient(appointment, conflicts)
    return appointment


@transaction.atomic
def move_against_rules(
    appointment: Appointment,
    opening: OpeningRequest,
    override: Override,
    *,
    actor: str,
    email: bool = True,
    must_be_free: bool = False,
    expected_version: datetime | None = None,
) -> Appointment:
    """Move an appointment as reschedule does, though it is against the rules that ``override`` names; return it.

    A patient who is here already can be moved too, and is sent nothing. Raises RulesBroken if it is against other
    rules, TakenTwice, NotOffered, PatientBusy, WrongState or ChangedMeanwhile, and then the old time still stands.
    """
    lock_clinicians(appointment.clinician_id, opening.clinician.pk)  # pyright: ignore[reportOptionalMemberAccess]
    now = lock_appointment(appointment, expected_version=expected_version)
    if appointment.status not in Appointment.STANDING:
        raise WrongState(appointment)
    if is_there(appointment, opening):
        return appointment
    check_provider(appointment, opening.location)  # pyright: ignore[reportArgumentType]
    lock_patient(appointment.patient_id)
    moved = set_opening(copy(appointment), opening)
    check_possible(moved, now)
    _, broken = _take(moved, override.rules, now)
    reasons = {"override_reason": override.reason, "override_note": override.note} if broken else {}
    email = email and appointment.status != Appointment.Status.IN_PROGRESS
    save_moved(moved, appointment, actor=actor, now=now, must_be_free=must_be_free, email=email, **reasons)
    if broken:
        record_override(appointment, broken, override, actor=actor, at=now)
    return appointment


# A visit that had its time already keeps it as it was, unless others have it, or nobody is there.
RETAKEN = frozenset([Rule.TIME_OFF, Rule.HOLIDAY, Rule.BUFFER, Rule.DOUBLE])


def retake_time(appointment: Appointment, override: Override | None, *, now: datetime) -> tuple[Slot, set[Rule]]:
    """Take the time of an appointment that is cancelled again; return the slot, and which of RETAKEN it breaks.

    Call it under the clinician's lock. Raises RulesBroken unless ``override`` names them, and TakenTwice.
    """
    return _take(appointment, override.rules if override else (), now, checked=RETAKEN)


def get_override(appointment: Appointment) -> Override | None:
    """Return the Override that gave an appointment its present time, or None."""
    if not appointment.override_reason:
        return None
    said = Event.objects.filter(subject_id=appointment.pk, kind=EventKind.APPOINTMENT_OVERRIDDEN)
    rules = said.order_by("-sequence").values_list("data__rules", flat=True)[0]
    return Override(rules, appointment.override_reason, appointment.override_note)


def record_override(
    appointment: Appointment, broken: Collection[Rule], override: Override, *, actor: str, at: datetime
) -> None:
    """Record who has overridden which rules, and the reason."""
    data = {"rules": sorted(broken), "reason": override.reason}
    record_event(appointment, EventKind.APPOINTMENT_OVERRIDDEN, actor=actor, at=at, data=data)


def _take(booking, known, now, *, checked=frozenset(Rule)):
    """Take the time of a booking, or move its slot there; return the slot and which of the ``checked`` rules it breaks.

    Over another slot it takes as much of its own buffers as is free. Raises RulesBroken and TakenTwice.
    """
    taken = list_taken_around(booking, now)
    broken = find_broken(booking, taken, now) & checked
    if unknown := broken - set(known):
        raise RulesBroken(unknown)
    start, end = _cut_buffers(booking, taken)
    is_over = any(each.start < end and each.end > start for each in taken)
    place = {"clinician": booking.clinician, "location": booking.location, "period": TimestamptzRange(start, end)}
    take, move = (take_time_twice, move_time_twice) if is_over else (take_time, move_time)
    try:
        if booking.slot:
            move(booking.slot, **place)
            return booking.slot, broken
        return take(**place), broken
    except SlotTaken as error:
        raise TakenTwice from error


def _cut_buffers(booking, taken):
    """Return the start and the end of a booking with its buffers, as far as they are free."""
    starts_at, ends_at, whole = booking.starts_at, booking.ends_at, booking.padded_period
    before = [min(each.end, starts_at) for each in taken if each.start < starts_at]
    after = [max(each.start, ends_at) for each in taken if each.end > ends_at]
    return max([whole.lower, *before]), min([whole.upper, *after])


def _acknowledge(hold, now, answer_within):
    """Return the Acknowledgement of a booking by staff; another system is asked soon, by the message that tells it."""
    provider = get_provider(hold.service_id, hold.location_id)
    approver = get_approver(provider)
    if approver.is_remote:
        answer_by = now + (answer_within or provider.answer_within)  # pyright: ignore[reportOptionalMemberAccess]
        return Acknowledgement(Appointment.Status.PENDING, provider, answer_by=answer_by)
    acknowledgement = approver.acknowledge(provider, hold, at=now, answer_within=answer_within)
    if acknowledgement.answer_by and acknowledgement.answer_by <= now:  # it has begun: nobody can answer before
        return Acknowledgement(Appointment.Status.CONFIRMED, provider)
    return acknowledgement
