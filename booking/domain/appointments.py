"""The verbs of an appointment: acknowledge, confirm, decline, cancel, mark arrived, complete, mark no-show."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.access.tokens import hash_token, new_token
from booking.domain.audit import record_event
from booking.domain.notifications import notify_changed
from booking.domain.patients import lock_patient
from booking.domain.questions import keep_needs
from booking.domain.reminders import add_reminders
from booking.domain.stranded_visits import settle
from booking.domain.transitions import CORRECTIONS, TRANSITIONS, WrongState, check_allowed, lock_and_refresh, transition
from booking.integrations.approvers import get_approver
from booking.models import Acknowledgement, Appointment, Hold, Order, StrandedVisit
from booking.models.enums import EventKind, Job
from patients.models import Patient
from scheduling.lib.compiled_queries import insert
from scheduling.lib.constraints import get_violated_constraint
from scheduling.lib.integration_fields import apply_changes, merge_metadata
from scheduling.slots import free_slot, set_slot_expiry

# No vowels, so that no word appears; no 0, 1, 5 or 8, which are misread and misheard.
REFERENCE_ALPHABET = "234679BCDFGHJKLMNPQRSTVWXZ"

EARLY_ARRIVAL = timedelta(hours=2)

# What a cancellation by staff tells others waits for so long: it can be undone before anybody knows.
UNDO_WINDOW = timedelta(minutes=1)

Status = Appointment.Status


class OrderBooked(Exception):
    """The order has an appointment, ``appointment_id``, that is not cancelled."""

    message = _("That order has an appointment already.")

    def __init__(self, appointment_id):
        self.appointment_id = appointment_id
        super().__init__(str(appointment_id))


class OrderCancelled(Exception):
    """The order is cancelled, so nothing can be booked with it."""

    message = _("That order is cancelled.")


class PastCutoff(Exception):
    """The patient's cut-off for changes, ``cutoff_at``, has passed."""

    message = _("It is too late to change that appointment.")

    def __init__(self, cutoff_at):
        self.cutoff_at = cutoff_at
        super().__init__(cutoff_at.isoformat())


class TooEarly(Exception):
    """The visit has not begun yet, at ``starts_at``; an arrival is refused before the visit's day."""

    message = _("That visit has not begun yet.")

    def __init__(self, starts_at):
        self.starts_at = starts_at
        super().__init__(starts_at.isoformat())


def check_cutoff(appointment: Appointment, now: datetime) -> None:
    """Raise PastCutoff when it is too late for its patient to change it."""
    if now > appointment.cutoff_at:
        raise PastCutoff(appointment.cutoff_at)


def create_appointment(
    hold: Hold,
    *,
    patient: Patient,
    attendee: dict,
    acknowledgement: Acknowledgement,
    verification: str,
    said_new_is_known: bool,
    notes: str,
    language: str,
    patient_timezone: str,
    external_id: str,
    metadata: dict,
    actor: str,
    at: datetime,
) -> Appointment:
    """Save the appointment of a hold just confirmed; part of confirm_hold's transaction.

    ``metadata`` are merged with the hold's. Raises OrderBooked, OrderCancelled and TooMuchMetadata.
    """
    appointment = Appointment(
        id=hold.pk,
        reference=new_reference(),
        status=acknowledgement.status,
        patient=patient,
        service=hold.service,
        clinician_id=hold.clinician_id,
        location=hold.location,
        slot_id=hold.slot_id,
        starts_at=hold.starts_at,
        ends_at=hold.ends_at,
        is_remote=hold.is_remote,
        order_id=hold.order_id,
        provider=acknowledgement.provider,
        provider_reference=acknowledgement.reference,
        answer_by=acknowledgement.answer_by,
        verification=verification,
        said_new_is_known=said_new_is_known,
        price=hold.price,
        currency=hold.currency,
        external_id=external_id or hold.external_id,
        metadata=merge_metadata(hold.metadata, metadata),
        notes=notes,
        language=language,
        patient_timezone=patient_timezone,
        created_at=at,
        attendee_name=attendee["name"],
        attendee_email=attendee["email"],
        attendee_phone=attendee["phone"],
        contact_name=attendee.get("contact_name", ""),
        relation=attendee.get("relation", ""),
    )
    if appointment.order_id:
        _save_of_order(appointment)
    else:
        insert(appointment)
    record_event(appointment, EventKind.APPOINTMENT_CREATED, actor=actor, at=at, to_status=appointment.status)
    # An approver that confirmed or reserved it has just said so itself: only a pending one is still to be told.
    is_confirmed, is_pending = (appointment.status == status for status in (Status.CONFIRMED, Status.PENDING))
    email = Job.EMAIL_APPOINTMENT_CONFIRMED if is_confirmed else Job.EMAIL_APPOINTMENT_REQUESTED
    notify_changed(appointment, email=email, notify_approver=is_pending)
    return appointment


def _save_of_order(appointment):
    lock_order(appointment)
    with refusing_second_of_order(appointment):
        appointment.save(force_insert=True)


def lock_order(appointment: Appointment) -> None:
    """Lock the order of an appointment that is to stand, if it has one; raises OrderCancelled."""
    # cancel_order waits for this lock and then finds the appointment, or has committed and is seen here.
    if appointment.order_id:
        order = Order.objects.select_for_update(no_key=True).get(pk=appointment.order_id)
        if order.cancelled_at:
            raise OrderCancelled


@contextmanager
def refusing_second_of_order(appointment: Appointment) -> Iterator[None]:
    """Raise OrderBooked where the database refuses a second appointment of an order."""
    try:
        # A savepoint, so that the order's other appointment can be read after the refusal.
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if get_violated_constraint(error) != Appointment.ORDER_BOOKED_ONCE:
            raise
        booked = appointment.order.get_booked_appointment()
        raise OrderBooked(booked and booked.pk) from error


def new_reference() -> str:
    """Return a random reference to read out on the phone, such as K7QMB-3XPDF."""
    symbols = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(10))
    return normalize_reference(symbols)


def normalize_reference(text: str) -> str:
    """Return a reference as it is stored, however it was typed: K7QMB-3XPDF for k7qmb 3xpdf."""
    symbols = re.sub("[^A-Z0-9]", "", text.upper())
    return f"{symbols[:5]}-{symbols[5:]}"


def lock_appointment(appointment: Appointment, *, expected_version: datetime | None = None) -> datetime:
    """Lock and refresh like lock_and_refresh; cancel an appointment whose approver has let its deadline pass."""
    now = lock_and_refresh(appointment, expected_version=expected_version)
    if appointment.is_unanswered(now):
        reason = Appointment.CancellationReason.NOT_ACKNOWLEDGED
        cancel_under_lock(appointment, now, actor="worker", reason=reason)
    return now


@transaction.atomic
def acknowledge(
    appointment: Appointment,
    status: str,
    *,
    actor: str,
    reference: str = "",
    notify_approver: bool = False,
    expected_version: datetime | None = None,
) -> None:
    """Reserve or confirm a pending appointment, or confirm a reserved one: its approver has agreed. Idempotent.

    ``reference`` is the approver's own id for it; ``notify_approver`` says that the approver has still to be told.
    After ``answer_by`` it is too late: the appointment is cancelled, and stays so. Raises WrongState in any other
    state, and ChangedMeanwhile.
    """
    now = lock_appointment(appointment, expected_version=expected_version)
    has_just_lapsed = appointment.status == Status.CANCELLED and appointment.updated_at == now
    if has_just_lapsed or appointment.status in (status, Status.CONFIRMED):
        return
    if appointment.status == Status.PENDING:
        set_slot_expiry(appointment.slot_id, expires_at=None)
    changes: dict = {"provider_reference": reference} if reference else {}
    if appointment.awaits_verification:  # whoever agrees does without it
        changes["verification"] = Appointment.Verification.WAIVED
    transition(appointment, status, kind=EventKind.APPOINTMENT_UPDATED, actor=actor, at=now, **changes)
    email = Job.EMAIL_APPOINTMENT_CONFIRMED if status == Status.CONFIRMED else None
    notify_changed(appointment, email=email, notify_approver=notify_approver)


def confirm(appointment: Appointment, *, actor: str, overrules: bool = True) -> None:
    """Confirm a tentative appointment for staff. Idempotent.

    Raises WrongState once it was more than reserved, when its deadline has passed, and, unless it ``overrules``
    that, while another system has still to agree.
    """
    is_tentative = appointment.status in Appointment.TENTATIVE
    if is_tentative and not overrules and get_approver(appointment.provider).is_remote:
        raise WrongState(appointment)
    acknowledge(appointment, Status.CONFIRMED, actor=actor, notify_approver=True)
    if appointment.status == Status.CANCELLED:
        raise WrongState(appointment)


@transaction.atomic
def decline(appointment: Appointment, *, actor: str, note: str = "", expected_version: datetime | None = None) -> None:
    """Cancel a tentative appointment that its approver declined. Idempotent.

    Raises WrongState once it was more than reserved, and ChangedMeanwhile.
    """
    now = lock_appointment(appointment, expected_version=expected_version)
    if appointment.status == Status.CANCELLED:
        return
    if appointment.status not in Appointment.TENTATIVE:
        raise WrongState(appointment)
    cancel_under_lock(appointment, now, actor=actor, reason=Appointment.CancellationReason.DECLINED, note=note)


@transaction.atomic
def cancel(
    appointment: Appointment,
    *,
    reason: str,
    actor: str,
    note: str = "",
    enforce_cutoff: bool = False,
    expected_version: datetime | None = None,
    email: bool = True,
    is_undoable: bool = False,
) -> None:
    """Cancel an appointment and free its time; ``reason`` is an Appointment.CancellationReason.

    Its attendee is told unless ``email`` is false; if it ``is_undoable``, they and an approver are told after
    UNDO_WINDOW, in which booking.domain.undoing takes that back. Idempotent. Raises WrongState once it is completed or
    missed, with ``enforce_cutoff`` PastCutoff within the service's cancellation notice, and ChangedMeanwhile.
    """
    now = lock_appointment(appointment, expected_version=expected_version)
    if appointment.status == Status.CANCELLED:
        _note_reason(appointment, reason, note)
        return
    if enforce_cutoff:
        check_cutoff(appointment, now)
    due_at = now + UNDO_WINDOW if is_undoable else None
    cancel_under_lock(appointment, now, actor=actor, reason=reason, note=note, email=email, due_at=due_at)


def _note_reason(appointment, reason, note):
    """Store why who has booked what has lapsed quietly cancels it: their page has not said that it has lapsed."""
    has_lapsed = appointment.cancellation_reason == Appointment.CancellationReason.NOT_ACKNOWLEDGED
    if has_lapsed and appointment.verification == Appointment.Verification.REQUIRED_QUIETLY:
        appointment.cancellation_reason, appointment.cancellation_note = reason, note
        appointment.save(update_fields=["cancellation_reason", "cancellation_note", "updated_at"])


def cancel_under_lock(
    appointment: Appointment,
    now: datetime,
    *,
    actor: str,
    reason: str,
    note: str = "",
    email: bool = True,
    due_at: datetime | None = None,
) -> None:
    """Cancel an appointment whose clinician is locked, and tell others now or at ``due_at``; raises WrongState."""
    slot_id = appointment.slot_id
    transition(
        appointment,
        Status.CANCELLED,
        kind=EventKind.APPOINTMENT_CANCELLED,
        actor=actor,
        at=now,
        data={"reason": reason},
        cancellation_reason=reason,
        cancellation_note=note,
        slot_id=None,
    )
    settle(appointment, StrandedVisit.Outcome.CANCELLED, actor=actor, at=now)
    free_slot(slot_id)
    notify_changed(appointment, email=Job.EMAIL_APPOINTMENT_CANCELLED if email else None, due_at=due_at)


@transaction.atomic
def annotate(appointment: Appointment, *, actor: str, expected_version: datetime | None = None, **changes: Any) -> None:
    """Change who comes, the notes, the video link, the external id or metadata, which are merged; in any state.

    The event names which of them changed, not their values; where none did, nothing happens. Nobody is sent anything
    but calendars a new video link: later mails go to the new address. Raises ChangedMeanwhile, also if the appointment
    has moved to another clinician, and TooMuchMetadata.
    """
    now = lock_appointment(appointment, expected_version=expected_version)
    changed = apply_changes(appointment, changes)
    if not changed:
        return
    appointment.save(update_fields=[*changed, "updated_at"])
    record_event(appointment, EventKind.APPOINTMENT_UPDATED, actor=actor, at=now, data={"changed": changed})
    if "attendee_email" in changed:
        settle_undeliverable(appointment, at=now)
    if "meeting_url" in changed:
        notify_changed(appointment, email=None, notify_approver=False)
    if not {"attendee_email", "attendee_phone"}.isdisjoint(changed):
        add_reminders(appointment)


def settle_undeliverable(appointment: Appointment, *, at: datetime) -> None:
    """Note that what came back from an appointment's address is seen to: it has another."""
    appointment.undeliverable_mails.filter(settled_at=None).update(settled_at=at)  # pyright: ignore


@transaction.atomic
def check_identity(appointment: Appointment, *, actor: str) -> None:
    """Note that staff know who has booked online, who had not proved it. Nothing to do for others.

    Raises ChangedMeanwhile.
    """
    now = lock_appointment(appointment)
    if appointment.verification != Appointment.Verification.WAIVED:
        return
    appointment.verification = Appointment.Verification.CHECKED
    appointment.save(update_fields=["verification", "updated_at"])
    keep_needs(appointment)
    kind, data = EventKind.APPOINTMENT_UPDATED, {"changed": ["verification"]}
    record_event(appointment, kind, actor=actor, at=now, data=data)


@transaction.atomic
def revoke_links(appointment: Appointment, *, actor: str) -> None:
    """End all links to an appointment: those in e-mails and calendars, of the page it was booked on, of its order.

    Nobody is sent anything; what is sent from now on has the new link. Raises ChangedMeanwhile.
    """
    now = lock_appointment(appointment)
    lock_patient(appointment.patient_id)  # a merge moves their holds first, then their appointments
    appointment.link_version += 1
    appointment.save(update_fields=["link_version", "updated_at"])
    # The page that a held time became shows the link too.
    held = Hold.objects.filter(Q(pk=appointment.pk) | Q(slot__isnull=False, slot=appointment.slot_id))
    for hold in held:
        hold.token_hash = hash_token(new_token())
        hold.save(update_fields=["token_hash"])
    Order.objects.filter(pk=appointment.order_id).update(token_hash=None, link_ends_at=None, updated_at=now)
    kind, data = EventKind.APPOINTMENT_UPDATED, {"changed": ["link_version"]}
    record_event(appointment, kind, actor=actor, at=now, data=data)


@transaction.atomic
def mark_arrived(
    appointment: Appointment, *, actor: str, expected_version: datetime | None = None, enforce_start: bool = True
) -> None:
    """Note that the patient is here.

    Raises WrongState unless the appointment is confirmed, ChangedMeanwhile, and with ``enforce_start`` TooEarly.
    """
    kind, stamp = EventKind.APPOINTMENT_UPDATED, "arrived_at"
    _mark(appointment, Status.IN_PROGRESS, kind, actor, expected_version, enforce_start, stamp=stamp)


@transaction.atomic
def mark_seen(appointment: Appointment, *, actor: str, expected_version: datetime | None = None) -> None:
    """Note that the patient is with the clinician: that stays in progress. Idempotent. Raises like mark_arrived."""
    now = lock_appointment(appointment, expected_version=expected_version)
    if appointment.status != Status.IN_PROGRESS:
        kind, stamp = EventKind.APPOINTMENT_UPDATED, "seen_at"
        _mark(appointment, Status.IN_PROGRESS, kind, actor, appointment.updated_at, enforce_start=True, stamp=stamp)
    elif appointment.seen_at is None:
        appointment.seen_at = now
        appointment.save(update_fields=["seen_at", "updated_at"])
        record_event(appointment, EventKind.APPOINTMENT_UPDATED, actor=actor, at=now, data={"changed": ["seen_at"]})


@transaction.atomic
def complete(
    appointment: Appointment, *, actor: str, expected_version: datetime | None = None, enforce_start: bool = True
) -> None:
    """Note that the patient has been seen.

    Raises WrongState unless the appointment is confirmed or in progress, else like mark_arrived.
    """
    _mark(appointment, Status.COMPLETED, EventKind.APPOINTMENT_COMPLETED, actor, expected_version, enforce_start)


@transaction.atomic
def mark_no_show(
    appointment: Appointment, *, actor: str, expected_version: datetime | None = None, enforce_start: bool = True
) -> None:
    """Note that the patient did not come. Raises like mark_arrived."""
    _mark(appointment, Status.NO_SHOW, EventKind.APPOINTMENT_NO_SHOW, actor, expected_version, enforce_start)


def _mark(appointment, status, kind, actor, expected_version, enforce_start, *, stamp=""):
    now = lock_appointment(appointment, expected_version=expected_version)
    if appointment.status == status:
        return
    check_allowed(appointment, status, TRANSITIONS[Appointment])  # what is cancelled is never early
    if enforce_start:
        check_begun(appointment, status, now)
    stamps: dict = {stamp: now} if stamp else {}
    transition(appointment, status, kind=kind, actor=actor, at=now, **stamps)


def check_begun(appointment: Appointment, status: str, now: datetime) -> None:
    """Raise TooEarly before get_earliest_mark."""
    if now < get_earliest_mark(appointment, status):
        raise TooEarly(appointment.starts_at)


def get_earliest_mark(appointment: Appointment, status: str) -> datetime:
    """Return from when on an appointment may be given a status that says what became of it.

    That is its start. Patients come early: they may arrive on all of its local day, and EARLY_ARRIVAL before a start
    after midnight.
    """
    if status != Status.IN_PROGRESS:
        return appointment.starts_at
    midnight = datetime.combine(appointment.local_start, time(), appointment.location.zone)
    return min(midnight, appointment.starts_at - EARLY_ARRIVAL)


@transaction.atomic
def correct(appointment: Appointment, status: str, *, actor: str) -> None:
    """Make what was completed by mistake a no-show, or the other way round. Idempotent.

    Raises WrongState for any other status, OrderBooked when the order of a no-show has been booked again, and
    ChangedMeanwhile.
    """
    now = lock_appointment(appointment)
    if appointment.status == status:
        return
    kind = EventKind.APPOINTMENT_COMPLETED if status == Status.COMPLETED else EventKind.APPOINTMENT_NO_SHOW
    with refusing_second_of_order(appointment):
        transition(appointment, status, kind=kind, actor=actor, at=now, allowed=CORRECTIONS)
