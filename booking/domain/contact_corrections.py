"""The verbs that correct whom the clinic writes to: a patient's record with their coming visits, or one appointment.

What a visitor corrects of their own booking is email_corrections.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from booking.domain import patients
from booking.domain.appointments import lock_appointment, settle_undeliverable
from booking.domain.audit import record_event
from booking.domain.notifications import notify_changed
from booking.domain.orders import NoEmailAddress
from booking.domain.reminders import plan_reminders
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from patients.models import Patient
from scheduling.lib.integration_fields import apply_changes
from scheduling.slots import lock_clinicians

# The attributes of an appointment that say who comes and who is written to, by those of Patient.contact.
ATTENDEE_FIELDS = {
    "name": "attendee_name",
    "email": "attendee_email",
    "phone": "attendee_phone",
    "contact_name": "contact_name",
    "relation": "relation",
}
RESENT_WITHIN = timedelta(hours=1)
MAX_RESENT = 3  # of one appointment, in that time

Status, Verification = Appointment.Status, Appointment.Verification


class TooManyConfirmations(Exception):
    """The confirmation was sent again MAX_RESENT times within the hour."""

    message = "The confirmation was sent several times within the hour. Ask whether the address is right."


def list_coming_visits(patient_id: UUID) -> QuerySet[Appointment]:
    """Return a patient's visits to come, the next one first."""
    rows = Appointment.objects.select_related("service", "clinician", "location", "patient", "provider")
    coming = rows.filter(patient=patient_id, status__in=Appointment.UPCOMING, starts_at__gt=timezone.now())
    return coming.order_by("starts_at")


@transaction.atomic
def correct_patient(
    patient_id: UUID, change: Callable[[Patient], Patient], *, visits: Collection[UUID], actor: str
) -> Patient:
    """Change a patient as patients.change does, and write what changed of their contact to ``visits`` of theirs too.

    Of these, only those to come are corrected, as correct_attendee does it. Raises what patients.change raises, and
    ChangedMeanwhile.
    """
    chosen = list(list_coming_visits(patient_id).filter(pk__in=visits))
    if chosen:
        lock_clinicians(*[visit.clinician_id for visit in chosen])
    before = Patient.objects.get(pk=patient_id).contact
    patient = patients.change(patient_id, change, actor=actor)
    changed = {name: value for name, value in patient.contact.items() if value != before[name]}
    changes: dict[str, Any] = {ATTENDEE_FIELDS[name]: value for name, value in changed.items()}
    for visit in chosen:
        correct_attendee(visit, actor=actor, **changes)
    return patient


@transaction.atomic
def correct_attendee(appointment: Appointment, *, actor: str, send_confirmation: bool = False, **changes: Any) -> None:
    """Correct who comes or who is written to, as staff were told. Idempotent.

    The event names what changed, not its values. With another address the links that went to the old one end, and what
    that one has proved is the word of staff now; what waits for the link in its e-mail is sent a new one. Reminders
    that were not sent are planned anew. Raises ChangedMeanwhile, and with ``send_confirmation`` what
    send_confirmation_again raises.
    """
    now = lock_appointment(appointment)
    changed = apply_changes(appointment, changes)
    if changed:
        _save_attendee(appointment, changed, actor=actor, at=now)
    if send_confirmation:
        _send_again(appointment, actor=actor, at=now)


def _save_attendee(appointment, changed, *, actor, at):
    has_other_address = "attendee_email" in changed
    if has_other_address:
        appointment.link_version += 1
        changed.append("link_version")
        if appointment.verification == Verification.VERIFIED:
            appointment.verification = Verification.CHECKED
            changed.append("verification")
    appointment.save(update_fields=[*changed, "updated_at"])
    record_event(appointment, EventKind.APPOINTMENT_UPDATED, actor=actor, at=at, data={"changed": changed})
    if has_other_address:
        settle_undeliverable(appointment, at=at)
    needs_new_link = has_other_address and appointment.awaits_verification and appointment.attendee_email
    notify_changed(
        appointment, email=Job.EMAIL_APPOINTMENT_REQUESTED if needs_new_link else None, notify_approver=False
    )
    if appointment.status == Status.CONFIRMED:
        plan_reminders(appointment, is_new=False)


@transaction.atomic
def send_confirmation_again(appointment: Appointment, *, actor: str) -> None:
    """Mail the attendee of a visit to come once more what its present state is mailed with.

    Raises WrongState for any other, NoEmailAddress, TooManyConfirmations and ChangedMeanwhile.
    """
    now = lock_appointment(appointment)
    _send_again(appointment, actor=actor, at=now)


def _send_again(appointment: Appointment, *, actor: str, at: datetime) -> None:
    if appointment.status not in Appointment.UPCOMING or appointment.starts_at <= at:
        raise WrongState(appointment)
    if not appointment.attendee_email:
        raise NoEmailAddress
    sent = Event.objects.filter(subject_id=appointment.pk, kind=EventKind.CONFIRMATION_RESENT)
    if sent.filter(created_at__gt=at - RESENT_WITHIN).count() >= MAX_RESENT:
        raise TooManyConfirmations
    record_event(appointment, EventKind.CONFIRMATION_RESENT, actor=actor, at=at)
    if appointment.awaits_verification:
        job = Job.EMAIL_VERIFY_ADDRESS
    else:
        is_confirmed = appointment.status == Status.CONFIRMED
        job = Job.EMAIL_APPOINTMENT_CONFIRMED if is_confirmed else Job.EMAIL_APPOINTMENT_REQUESTED
    queue.enqueue(job, appointment=appointment.pk)
