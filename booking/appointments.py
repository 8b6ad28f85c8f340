"""The verbs of an appointment: acknowledge, confirm, decline, lapse, cancel, mark arrived, complete, mark no-show."""

import secrets

from django.db import IntegrityError, transaction

from scheduling.slots import database_now, free_slot, violated_constraint

from .events import record
from .following import follow
from .models import Appointment
from .states import ChangedMeanwhile, WrongState, lock_booking, move

# No vowels, so that no word appears; no 0, 1, 5 or 8, which are misread and misheard.
REFERENCE_ALPHABET = "234679BCDFGHJKLMNPQRSTVWXZ"

Status = Appointment.Status


class OrderBooked(Exception):
    """That order has an appointment already."""

    def __init__(self, appointment_id):
        self.appointment_id = appointment_id
        super().__init__(str(appointment_id))


class PastCutoff(Exception):
    """It is too late to change that appointment."""

    def __init__(self, cutoff_at):
        self.cutoff_at = cutoff_at
        super().__init__(cutoff_at.isoformat())


def check_cutoff(appointment, now):
    """Raise PastCutoff when it is too late for its patient to change it."""
    if now > appointment.cutoff_at:
        raise PastCutoff(appointment.cutoff_at)


def create_appointment(hold, *, patient, attendee, acknowledged, notes, by, at):
    """Write the appointment of a hold just confirmed; part of confirm_hold's transaction."""
    appointment = Appointment(
        id=hold.pk, reference=new_reference(), status=acknowledged.status, patient=patient,
        service=hold.service, clinician_id=hold.clinician_id, location=hold.location, slot_id=hold.slot_id,
        starts_at=hold.starts_at, ends_at=hold.ends_at, is_remote=hold.is_remote,
        order_id=hold.order_id, provider=acknowledged.provider, provider_reference=acknowledged.reference,
        answer_by=acknowledged.answer_by, price=hold.service.price, currency=hold.service.currency,
        notes=notes, created_at=at,
        attendee_name=attendee["name"], attendee_email=attendee["email"], attendee_phone=attendee["phone"],
    )
    if appointment.order_id:
        _save_of_order(appointment)
    else:
        appointment.save(force_insert=True)
    record(appointment, "appointment.created", by=by, at=at, to_status=appointment.status)
    # What is confirmed or reserved already its provider knows of: it has just said so.
    is_confirmed, is_pending = (appointment.status == status for status in (Status.CONFIRMED, Status.PENDING))
    follow(appointment, mail="confirmed" if is_confirmed else "requested", tell=is_pending)
    return appointment


def _save_of_order(appointment):
    try:
        # A savepoint, so that the one that was quicker can be asked for.
        with transaction.atomic():
            appointment.save(force_insert=True)
    except IntegrityError as error:
        if violated_constraint(error) != Appointment.ORDER_BOOKED_ONCE:
            raise
        quicker = appointment.order.booked_with()
        raise OrderBooked(quicker and quicker.pk) from error


def new_reference():
    """Return a random reference to read out on the phone, such as K7QMB-3XPDF."""
    symbols = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(10))
    return f"{symbols[:5]}-{symbols[5:]}"


@transaction.atomic
def acknowledge(appointment, status, *, by, reference="", is_news=False, if_unchanged=None):
    """Whoever had to agree has agreed: what was pending is reserved or confirmed, what was reserved confirmed.

    ``reference`` is the provider's own id for it; ``is_news`` says that the provider has still to be told.
    Again, or reserved once it is confirmed, is fine. After its ``answer_by`` it is too late: then it is cancelled,
    here if nobody has been quicker. Raises WrongState in any other state, and ChangedMeanwhile.
    """
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status in (status, Status.CONFIRMED):
        return
    if appointment.status == Status.PENDING and appointment.answer_by <= now:
        _cancel(appointment, now, by=by, reason=Appointment.CancellationReason.NOT_ACKNOWLEDGED)
        return
    changes = {"provider_reference": reference} if reference else {}
    move(appointment, status, kind="appointment.updated", by=by, at=now, **changes)
    follow(appointment, mail="confirmed" if status == Status.CONFIRMED else None, tell=is_news)


def confirm(appointment, *, by):
    """Staff confirm it. Again is fine; raises WrongState once it was more than reserved, or too late for that."""
    acknowledge(appointment, Status.CONFIRMED, by=by, is_news=True)
    if appointment.status == Status.CANCELLED:
        raise WrongState(appointment)


@transaction.atomic
def decline(appointment, *, by, note="", if_unchanged=None):
    """Whoever had to agree does not: cancel it. Again is fine.

    Raises WrongState once it was more than reserved, and ChangedMeanwhile.
    """
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status == Status.CANCELLED:
        return
    if appointment.status not in Appointment.TENTATIVE:
        raise WrongState(appointment)
    _cancel(appointment, now, by=by, reason=Appointment.CancellationReason.DECLINED, note=note)


def lapse_unanswered():
    """Cancel the pending appointments that nobody has acknowledged in time, and return how many there were."""
    unanswered = Appointment.objects.filter(status=Status.PENDING, answer_by__lte=database_now())
    unanswered = unanswered.select_related("location", "provider").order_by("answer_by")
    # Each by itself: what is done stays done if this is killed on the way.
    return sum(_lapse_if_unanswered(appointment) for appointment in unanswered)


@transaction.atomic
def _lapse_if_unanswered(appointment):
    try:
        now = lock_booking(appointment)
    except ChangedMeanwhile:  # it is with somebody else by now: next time
        return False
    if appointment.status != Status.PENDING or appointment.answer_by > now:
        return False
    _cancel(appointment, now, by="worker", reason=Appointment.CancellationReason.NOT_ACKNOWLEDGED)
    return True


@transaction.atomic
def cancel(appointment, *, reason, by, note="", heed_cutoff=False, if_unchanged=None):
    """Cancel an appointment and free its time; ``reason`` is an Appointment.CancellationReason.

    Cancelling again is fine. Raises WrongState once it is completed or missed, with ``heed_cutoff``
    PastCutoff within the service's cancellation notice, and ChangedMeanwhile.
    """
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status == Status.CANCELLED:
        return
    if heed_cutoff:
        check_cutoff(appointment, now)
    _cancel(appointment, now, by=by, reason=reason, note=note)


def _cancel(appointment, now, *, by, reason, note=""):
    move(
        appointment, Status.CANCELLED, kind="appointment.cancelled", by=by, at=now,
        data={"reason": reason}, cancellation_reason=reason, cancellation_note=note,
    )
    free_slot(appointment.slot_id)
    follow(appointment, mail="cancelled")


@transaction.atomic
def annotate(appointment, *, by, **changes):
    """Write down the clinic's notes or the video link; the log has only which of them changed.

    Raises ChangedMeanwhile if it has moved to another clinician.
    """
    now = lock_booking(appointment)
    for name, value in changes.items():
        setattr(appointment, name, value)
    appointment.save(update_fields=[*changes, "updated_at"])
    record(appointment, "appointment.updated", by=by, at=now, data={"changed": sorted(changes)})
    if "meeting_url" in changes:
        follow(appointment, mail=None, tell=False)


@transaction.atomic
def mark_arrived(appointment, *, by, if_unchanged=None):
    """The patient is here. Raises WrongState unless the appointment is confirmed."""
    _mark(appointment, Status.IN_PROGRESS, kind="appointment.updated", by=by, if_unchanged=if_unchanged)


@transaction.atomic
def complete(appointment, *, by, if_unchanged=None):
    """The patient has been seen. Raises WrongState unless the appointment is confirmed or in progress."""
    _mark(appointment, Status.COMPLETED, kind="appointment.completed", by=by, if_unchanged=if_unchanged)


@transaction.atomic
def mark_no_show(appointment, *, by, if_unchanged=None):
    """The patient did not come. Raises WrongState unless the appointment is confirmed."""
    _mark(appointment, Status.NO_SHOW, kind="appointment.no_show", by=by, if_unchanged=if_unchanged)


def _mark(appointment, status, *, kind, by, if_unchanged):
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status != status:
        move(appointment, status, kind=kind, by=by, at=now)
