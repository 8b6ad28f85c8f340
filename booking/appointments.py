"""The verbs of an appointment: confirm, cancel, mark arrived, complete, mark no-show."""

import secrets

from django.db import transaction

from patients.matching import match_patient
from scheduling.slots import free_slot

from . import outbox
from .models import Appointment
from .states import lock_booking, move, record

# No vowels, so that no word appears; no 0, 1, 5 or 8, which are misread and misheard.
REFERENCE_ALPHABET = "234679BCDFGHJKLMNPQRSTVWXZ"


class PastCutoff(Exception):
    """It is too late to change that appointment."""

    def __init__(self, cutoff_at):
        self.cutoff_at = cutoff_at
        super().__init__(cutoff_at.isoformat())


def check_cutoff(appointment, now):
    """Raise PastCutoff when the service's cancellation notice has begun."""
    if now > appointment.cutoff_at:
        raise PastCutoff(appointment.cutoff_at)


def create_appointment(hold, *, patient, by, at, notes="", attendee=None):
    """Write the appointment of a hold just confirmed; part of confirm_hold's transaction."""
    attendee = attendee or {"name": str(patient), "email": patient.email, "phone": patient.phone}
    if patient._state.adding:
        patient = match_patient(patient)
    appointment = Appointment(
        id=hold.pk, reference=new_reference(), status=Appointment.Status.CONFIRMED, patient=patient,
        service=hold.service, clinician_id=hold.clinician_id, location=hold.location, slot_id=hold.slot_id,
        starts_at=hold.starts_at, ends_at=hold.ends_at, is_remote=hold.is_remote,
        price=hold.service.price, currency=hold.service.currency, notes=notes, created_at=at,
        attendee_name=attendee["name"], attendee_email=attendee["email"], attendee_phone=attendee["phone"],
    )
    appointment.save(force_insert=True)
    record(appointment, "appointment.created", by=by, at=at, to_status=appointment.status)
    outbox.enqueue("email.appointment_confirmed", appointment=appointment.pk)
    return appointment


def new_reference():
    """Return a random reference to read out on the phone, such as K7QMB-3XPDF."""
    symbols = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(10))
    return f"{symbols[:5]}-{symbols[5:]}"


@transaction.atomic
def confirm(appointment, *, by):
    """Whoever had to agree has agreed. Confirming again is fine; raises WrongState once it was more than reserved."""
    now = lock_booking(appointment)
    if appointment.status == Appointment.Status.CONFIRMED:
        return
    move(appointment, Appointment.Status.CONFIRMED, kind="appointment.confirmed", by=by, at=now)
    outbox.enqueue("email.appointment_confirmed", appointment=appointment.pk)


@transaction.atomic
def cancel(appointment, *, reason, by, note="", heed_cutoff=False, if_unchanged=None):
    """Cancel an appointment and free its time; ``reason`` is an Appointment.CancellationReason.

    Cancelling again is fine. Raises WrongState once it is completed or missed, with ``heed_cutoff``
    PastCutoff within the service's cancellation notice, and ChangedMeanwhile.
    """
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status == Appointment.Status.CANCELLED:
        return
    if heed_cutoff:
        check_cutoff(appointment, now)
    move(
        appointment, Appointment.Status.CANCELLED, kind="appointment.cancelled", by=by, at=now,
        data={"reason": reason}, cancellation_reason=reason, cancellation_note=note,
    )
    free_slot(appointment.slot_id)
    outbox.enqueue("email.appointment_cancelled", appointment=appointment.pk)


@transaction.atomic
def annotate(appointment, *, by, **changes):
    """Write down the clinic's notes or the video link; the log has only which of them changed."""
    now = lock_booking(appointment)
    for name, value in changes.items():
        setattr(appointment, name, value)
    appointment.save(update_fields=[*changes, "updated_at"])
    record(appointment, "appointment.updated", by=by, at=now, data={"changed": sorted(changes)})


@transaction.atomic
def mark_arrived(appointment, *, by, if_unchanged=None):
    """The patient is here. Raises WrongState unless the appointment is confirmed."""
    _mark(appointment, Appointment.Status.IN_PROGRESS, kind="appointment.updated", by=by, if_unchanged=if_unchanged)


@transaction.atomic
def complete(appointment, *, by, if_unchanged=None):
    """The patient has been seen. Raises WrongState unless the appointment is confirmed or in progress."""
    _mark(appointment, Appointment.Status.COMPLETED, kind="appointment.completed", by=by, if_unchanged=if_unchanged)


@transaction.atomic
def mark_no_show(appointment, *, by, if_unchanged=None):
    """The patient did not come. Raises WrongState unless the appointment is confirmed."""
    _mark(appointment, Appointment.Status.NO_SHOW, kind="appointment.no_show", by=by, if_unchanged=if_unchanged)


def _mark(appointment, status, *, kind, by, if_unchanged):
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status != status:
        move(appointment, status, kind=kind, by=by, at=now)
