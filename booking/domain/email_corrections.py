"""The verb that corrects a mistyped e-mail address, for the visitor who has just booked with it."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.domain.appointments import lock_appointment, settle_undeliverable
from booking.domain.audit import record_event
from booking.domain.notifications import notify_changed
from booking.domain.patients import lock_patient
from booking.domain.verification import as_without_proof
from booking.models import Appointment, Event, Order
from booking.models.enums import EventKind, Job
from patients.models import Patient

# Of booking. What lapses quietly is forgotten no sooner, so its page looks like that of what was confirmed.
CORRECTION_WINDOW = timedelta(hours=2)
MAX_CORRECTIONS = 3
VISITOR = "patient"  # the actor


class CannotCorrect(Exception):
    """The appointment is over or cancelled, its address is verified, or it was corrected often enough."""

    message = _("The address can no longer be changed here. Please call the clinic.")


def may_correct(appointment: Appointment, *, now: datetime) -> bool:
    """Return whether who has booked an appointment may still correct its address, of whom nobody knows whose it is."""
    return (
        appointment.is_unproven
        and as_without_proof(appointment).status in Appointment.UPCOMING
        and now < min(appointment.created_at + CORRECTION_WINDOW, appointment.starts_at)
    )


@transaction.atomic
def correct_email(appointment: Appointment, email: str) -> None:
    """Give an appointment another e-mail address, which is sent what the old one was. Idempotent.

    The links that went to the old one end, and nothing that it has proved counts for the new one: what waits for
    its verification goes on waiting. A patient's record that only this booking has made is corrected too. Raises
    CannotCorrect, and ChangedMeanwhile.
    """
    now = lock_appointment(appointment)
    if not may_correct(appointment, now=now):
        raise CannotCorrect
    old, email = appointment.attendee_email, email.lower()
    if email == old:
        return
    if _count_corrections(appointment) >= MAX_CORRECTIONS:
        raise CannotCorrect
    lock_patient(appointment.patient_id)
    appointment.attendee_email = email
    appointment.link_version += 1
    appointment.save(update_fields=["attendee_email", "link_version", "updated_at"])
    data = {"changed": ["attendee_email", "link_version"]}
    record_event(appointment, EventKind.APPOINTMENT_UPDATED, actor=VISITOR, at=now, data=data)
    settle_undeliverable(appointment, at=now)
    _correct_record(appointment, old=old, at=now)
    is_confirmed = appointment.status == Appointment.Status.CONFIRMED
    job = Job.EMAIL_APPOINTMENT_CONFIRMED if is_confirmed else Job.EMAIL_APPOINTMENT_REQUESTED
    notify_changed(appointment, email=job, notify_approver=False)


def _count_corrections(appointment):
    changes = Event.objects.filter(subject_id=appointment.pk, kind=EventKind.APPOINTMENT_UPDATED, actor=VISITOR)
    return changes.filter(data__changed__contains=["attendee_email"]).count()


class _Known(Exception):
    """Undoes the correction of a record that was there before."""


def _correct_record(appointment, *, old, at):
    """Correct the patient's record if nobody but this booking's visitor knows of it.

    Else the same is done and undone: a visitor must not learn who is a patient.
    """
    patient = Patient.objects.get(pk=appointment.patient_id)
    known = (
        patient.email != old,
        Event.objects.filter(subject_id=patient.pk).exclude(actor=VISITOR).exists(),
        Appointment.objects.filter(patient=patient).exclude(pk=appointment.pk).exists(),
        Order.objects.filter(patient=patient).exists(),
    )
    with suppress(_Known), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(email=appointment.attendee_email, updated_at=at)
        kind, data = EventKind.PATIENT_UPDATED, {"changed": ["email"]}
        record_event(patient, kind, actor=VISITOR, at=at, data=data)
        if any(known):
            raise _Known
