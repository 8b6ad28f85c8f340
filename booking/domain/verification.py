"""The verbs of a verification: a visitor has pressed the link that was mailed to who comes."""

from copy import copy

from django.db import transaction

from booking.access.email_addresses import note_confirmed
from booking.domain.appointments import lock_appointment
from booking.domain.audit import record_event
from booking.domain.notifications import notify_changed
from booking.domain.patient_conflicts import find_conflicts, tell_patient
from booking.domain.patients import lock_patient
from booking.domain.questions import keep_needs
from booking.domain.transitions import transition
from booking.integrations.approvers import get_approver
from booking.models import Acknowledgement, Appointment
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from scheduling.lib.encrypted_field import encrypt
from scheduling.slots import set_slot_expiry

Status, Verification = Appointment.Status, Appointment.Verification


@transaction.atomic
def verify_appointment(appointment: Appointment, *, actor: str = "patient") -> None:
    """Note that the link in the mail to who comes was pressed; what waited for it goes to its approver. Idempotent.

    Where the clinic itself is that, it is confirmed. One that has lapsed or is cancelled stays so. Raises
    ChangedMeanwhile.
    """
    now = lock_appointment(appointment)
    note_confirmed(appointment.attendee_email, at=now)
    if appointment.status not in Appointment.STANDING or appointment.verification in (
        Verification.NOT_NEEDED,
        Verification.VERIFIED,
    ):
        return
    if appointment.awaits_verification:
        _hand_over(appointment, actor=actor, at=now)
    else:
        appointment.verification = Verification.VERIFIED
        appointment.save(update_fields=["verification", "updated_at"])
    if appointment.is_of_patient:
        keep_needs(appointment)


def send_booking_link(address: str, *, path: str) -> None:
    """Have a link to ``path``, a page of free times, mailed to an address; it proves that its reader has the address.

    Neither is personal to anybody but who reads the outbox, so both are encrypted.
    """
    queue.enqueue(Job.EMAIL_BOOKING_LINK, address=encrypt(address), path=encrypt(path))


def send_appointment_links(address: str, *, language: str) -> None:
    """Have the links of the coming appointments that were booked with an address mailed there, if there are any.

    Whether there are is not looked up here: it takes equally long. ``language`` is as for use_language.
    """
    queue.enqueue(Job.EMAIL_APPOINTMENT_LINKS, address=encrypt(address.lower()), language=language)


def as_without_proof(appointment: Appointment) -> Appointment:
    """Return an appointment as it is shown to its visitor, who has proved no address.

    What waits quietly for its link, or has in vain, is shown as what the clinic has confirmed: not to say so would
    tell who is a patient. What staff approve is pending until their deadline in either case.
    """
    if appointment.verification != Verification.REQUIRED_QUIETLY or get_approver(appointment.provider).is_staff:
        return appointment
    has_lapsed = appointment.cancellation_reason == Appointment.CancellationReason.NOT_ACKNOWLEDGED
    if appointment.status != Status.PENDING and not has_lapsed:
        return appointment
    shown = copy(appointment)
    shown.status, shown.cancellation_reason = Status.CONFIRMED, ""
    return shown


def _hand_over(appointment, *, actor, at):
    """Let the approver of a pending appointment decide, as if it had been booked now."""
    lock_patient(appointment.patient_id)
    approver, provider = get_approver(appointment.provider), appointment.provider
    if approver.is_remote:
        answer_by = min(at + provider.answer_within, appointment.starts_at)
        given = Acknowledgement(Status.PENDING, provider, answer_by=answer_by)
    else:
        given = approver.acknowledge(provider, appointment, at=at)
    set_slot_expiry(appointment.slot_id, expires_at=given.answer_by)
    changes = {"verification": Verification.VERIFIED, "answer_by": given.answer_by}
    if given.status == Status.PENDING:
        for name, value in changes.items():
            setattr(appointment, name, value)
        appointment.save(update_fields=[*changes, "updated_at"])
        record_event(appointment, EventKind.APPOINTMENT_UPDATED, actor=actor, at=at, data={"changed": ["verification"]})
        notify_changed(appointment, email=Job.EMAIL_APPOINTMENT_REQUESTED)
    else:
        transition(appointment, given.status, kind=EventKind.APPOINTMENT_UPDATED, actor=actor, at=at, **changes)
        notify_changed(appointment, email=Job.EMAIL_APPOINTMENT_CONFIRMED)
    tell_patient(appointment, find_conflicts(appointment, appointment.patient_id))
