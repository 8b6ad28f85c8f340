"""Erasing a patient (GDPR, Art. 17), restricting what has to be kept (Art. 18), and ending a restriction.

What is erased stays as a row without a person: times and events count, and nobody can be told from them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from booking.access.email_addresses import forget_address, get_email_id
from booking.access.phone_numbers import forget_number, get_number_id
from booking.domain.appointments import cancel_under_lock
from booking.domain.audit import record_event
from booking.domain.contact_codes import forget_contacts
from booking.domain.imports.files import forget_files
from booking.domain.notifications import notify_changed
from booking.domain.text_messages import forget_texts
from booking.domain.transitions import transition
from booking.integrations.approvers import get_approver
from booking.models import (
    AnswerSheet,
    Appointment,
    ClientUser,
    Erasure,
    Hold,
    IdempotentAnswer,
    Order,
    OutboxMessage,
    PatientDraft,
    Reminder,
    StrandedPlan,
    StrandedVisit,
    TextMessage,
    UndeliverableMail,
    WaitlistEntry,
)
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from patients.models import Consent, Merge, Needs, Patient, PossibleDuplicate
from scheduling.lib.clock import database_now
from scheduling.lib.phones import split_phone
from scheduling.slots import free_slot, lock_clinicians

YEAR = timedelta(days=365.25)
ERASED_NAME = "erased"  # a patient has a name: the database insists
NOT_COME = [*Appointment.UNSUCCESSFUL, *Appointment.TENTATIVE]
# Nobody's any more. What is not named here stays: the test of erasure knows of each field why.
OF_PATIENT = {
    "first_name": "",
    "last_name": ERASED_NAME,
    "date_of_birth": None,
    "email": "",
    "phone": "",
    "phone_extension": "",
    "contact_name": "",
    "relation": "",
    "nhs_number": "",
    "external_id": "",
    "metadata": {},
    "restricted_at": None,
    "restriction_reason": "",
    "archive_reason": "",
}
OF_BOOKING = {"external_id": "", "metadata": {}}
OF_APPOINTMENT = OF_BOOKING | {
    "attendee_name": "",
    "attendee_email": "",
    "attendee_phone": "",
    "patient_timezone": "",
    "contact_name": "",
    "relation": "",
    "notes": "",
    "meeting_url": "",
    "cancellation_note": "",
    "override_note": "",
    "provider_reference": "",
}
OF_HOLD = OF_BOOKING | {"network": "", "network_56": "", "network_48": "", "page": "", "verified_email": ""}
OF_ORDER = OF_BOOKING | {
    "address_line_1": "",
    "address_line_2": "",
    "unit": "",
    "city": "",
    "state": "",
    "postcode": "",
    "country": "",
    "latitude": None,
    "longitude": None,
    "token_hash": None,
    "link_ends_at": None,
    "client_user": None,
}


class HasComingVisits(Exception):
    """The patient has appointments to come or a time that is held: those are to be cancelled or released first."""

    message = _("The patient has visits to come, or a time is held for them. Cancel or release those first.")


class MustBeKept(Exception):
    """The clinic has to keep the patient's visits until ``until``: restrict the record instead."""

    message = _("The clinic has to keep the records of the patient's visits. Restrict them instead.")

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(until.isoformat())


class AlreadyErased(Exception):
    """The patient's data are gone already."""

    message = _("That patient's data are erased already.")


class Traces(NamedTuple):
    """The rows of one person: all their records, those merged into one of them too, and what points at these."""

    patient_ids: list[UUID]
    appointment_ids: list[UUID]
    order_ids: list[UUID]

    @property
    def ids(self) -> list[UUID]:
        return [*self.patient_ids, *self.appointment_ids, *self.order_ids]


def list_records(patient_id: UUID) -> list[UUID]:
    """Return the ids of all records of a person: the one that remained of their merges first."""
    root = patient_id
    while parent := Patient.objects.filter(pk=root).values_list("merged_into", flat=True).first():
        root = parent
    found, layer = [root], [root]
    while layer := list(Patient.objects.filter(merged_into__in=layer).order_by("pk").values_list("pk", flat=True)):
        found += layer
    return found


def find_traces(patient_id: UUID) -> Traces:
    """Return the Traces of a person."""
    patient_ids = list_records(patient_id)
    orders = Order.objects.filter(patient__in=patient_ids)
    appointments = Appointment.objects.filter(patient__in=patient_ids)
    return Traces(patient_ids, _list_ids(appointments), _list_ids(orders))


def get_kept_until(patient_id: UUID) -> datetime | None:
    """Return until when the clinic has to keep the person's last visit that took place, or None."""
    if not settings.RETENTION_YEARS:
        return None
    now, duty = database_now(), settings.RETENTION_YEARS * YEAR
    came = Appointment.objects.filter(patient__in=list_records(patient_id), starts_at__lt=now, ends_at__gt=now - duty)
    last = came.exclude(status__in=NOT_COME).aggregate(last=Max("ends_at"))["last"]
    return last and last + duty


@transaction.atomic
def erase_patient(patient_id: UUID, *, actor: str, is_replay: bool = False) -> None:
    """Erase all that says who a patient is, from their record, those merged with it, and everything about them.

    Recipients are told: webhooks of `patient.erased`, and approvers that knew the person. The ids are kept, for a
    replay after a backup is restored; a replay cancels what the backup has to come, and is not refused. Raises
    Patient.DoesNotExist, AlreadyErased, HasComingVisits or MustBeKept.
    """
    traces, now = _lock(patient_id, cancels=actor if is_replay else "")
    if not is_replay:
        if not Patient.objects.filter(pk__in=traces.patient_ids, erased_at=None).exists():
            raise AlreadyErased
        if until := get_kept_until(patient_id):
            raise MustBeKept(until)
    contacts, numbers = _list_contacts(traces), _list_numbers(traces)
    _cancel_orders(traces, actor=actor, at=now)
    _forget_details(traces, contacts, numbers)
    _forget_messages(traces)
    _tell_approvers(traces)
    Erasure.objects.bulk_create(
        [Erasure(patient_id=id, erased_at=now, actor=actor) for id in traces.patient_ids], ignore_conflicts=True
    )
    erased = OF_PATIENT | dict.fromkeys(("normalized_name", "name_words"), ERASED_NAME)
    records = Patient.objects.filter(pk__in=traces.patient_ids)
    records.update(**erased, name_spellings=[], erased_at=now, archived_at=now, updated_at=now)
    for patient in records:
        record_event(patient, EventKind.PATIENT_ERASED, actor=actor, at=now)


@transaction.atomic
def restrict_patient(patient_id: UUID, *, reason: str, actor: str) -> None:
    """Keep a person's records, and use them for nothing else: nobody is shown, matched, changed or written to.

    ``reason`` is stored. Idempotent. Raises Patient.DoesNotExist, AlreadyErased or HasComingVisits.
    """
    traces, now = _lock(patient_id)
    records = Patient.objects.filter(pk__in=traces.patient_ids, erased_at=None)
    if not records.exists():
        raise AlreadyErased
    _cancel_orders(traces, actor=actor, at=now)
    PossibleDuplicate.objects.filter(_of_either(traces.patient_ids)).delete()
    for patient in records.filter(restricted_at=None):
        # In the archive nobody is found, matched, changed or booked for.
        changes = {"restricted_at": now, "restriction_reason": reason, "updated_at": now}
        Patient.objects.filter(pk=patient.pk).update(**changes, archived_at=patient.archived_at or now)
        record_event(patient, EventKind.PATIENT_RESTRICTED, actor=actor, at=now)


@transaction.atomic
def lift_restriction(patient_id: UUID, *, actor: str) -> None:
    """End the restriction of a person's records, and take the one that remains of them out of the archive. Idempotent.

    Raises Patient.DoesNotExist.
    """
    traces, now = _lock(patient_id)
    restricted = Patient.objects.filter(pk__in=traces.patient_ids, restricted_at__isnull=False)
    for patient in restricted:
        changes = {"restricted_at": None, "restriction_reason": "", "updated_at": now}
        archived_at = patient.archived_at if patient.merged_into else None
        Patient.objects.filter(pk=patient.pk).update(**changes, archived_at=archived_at)
        record_event(patient, EventKind.PATIENT_RESTORED, actor=actor, at=now)


def replay_erasures(patient_ids: Iterable[UUID], *, actor: str) -> int:
    """Erase those of the patients again whom a restored backup has brought back; return how many records that were."""
    brought_back = Patient.objects.filter(pk__in=list(patient_ids), erased_at=None)
    number = brought_back.count()
    while (id := brought_back.values_list("pk", flat=True).first()) is not None:  # one erases those merged with it too
        erase_patient(id, actor=actor, is_replay=True)
    return number


def _lock(patient_id, *, cancels=""):
    """Lock all that a person has, in the order of every verb; return Traces and the database time.

    What is to come is refused, or cancelled by the actor ``cancels``, who must be alone with the database. Raises
    Patient.DoesNotExist or HasComingVisits.
    """
    before = find_traces(patient_id)
    bookings = [
        *Appointment.objects.filter(pk__in=before.appointment_ids).values_list("clinician", flat=True),
        *_live_holds(before).values_list("clinician", flat=True),
    ]
    if bookings:
        lock_clinicians(*bookings)
    locked = Patient.objects.select_for_update(no_key=True).filter(pk__in=before.patient_ids).order_by("pk")
    if not locked:
        raise Patient.DoesNotExist
    now, traces = database_now(), find_traces(patient_id)
    standing = Appointment.objects.filter(pk__in=traces.appointment_ids, status__in=Appointment.STANDING)
    coming = list(standing.filter(Q(ends_at__gt=now) | Q(status__in=Appointment.TENTATIVE)))
    held = list(_live_holds(traces))
    if (coming or held) and not cancels:
        raise HasComingVisits
    for appointment in coming:
        cancel_under_lock(appointment, now, actor=cancels, reason=Appointment.CancellationReason.OTHER)
    for hold in held:
        transition(hold, Hold.Status.RELEASED, kind=EventKind.HOLD_RELEASED, actor=cancels, at=now)
        free_slot(hold.slot_id)
    return traces, now


def _live_holds(traces):
    theirs = Q(patient__in=traces.patient_ids) | Q(order__in=traces.order_ids)
    theirs |= Q(waitlist_offer__entry__in=find_wishes(traces).values("pk"))
    return Hold.objects.filter(theirs, status=Hold.Status.ACTIVE, expires_at__gt=database_now())


def _list_ids(rows):
    return list(rows.values_list("pk", flat=True))


def _of_either(patient_ids):
    return Q(patient__in=patient_ids) | Q(other__in=patient_ids)


def _list_contacts(traces):
    """Return the e-mail addresses that the person is known by."""
    known = Patient.objects.filter(pk__in=traces.patient_ids).values_list("email", flat=True)
    given = Appointment.objects.filter(pk__in=traces.appointment_ids).values_list("attendee_email", flat=True)
    return {address.lower() for address in (*known, *given) if address}


def find_wishes(traces: Traces) -> QuerySet[WaitlistEntry]:
    """Return the wishes for a time that are a person's, or have an address that they are known by."""
    addresses = [get_email_id(address) for address in _list_contacts(traces)]
    theirs = Q(patient__in=traces.patient_ids) | Q(appointment__in=traces.appointment_ids) | Q(email_id__in=addresses)
    return WaitlistEntry.objects.filter(theirs)


def _cancel_orders(traces, *, actor, at):
    """Cancel the orders that could still be booked: their links stop working."""
    for order in Order.objects.filter(pk__in=traces.order_ids, cancelled_at=None):
        if order.get_booked_appointment() is None:
            changes = {"cancelled_at": at, "token_hash": None, "link_ends_at": None, "updated_at": at}
            Order.objects.filter(pk=order.pk).update(**changes)
            record_event(order, EventKind.ORDER_CANCELLED, actor=actor, at=at)


def _list_numbers(traces):
    """Return the phone numbers that the person is known by, in an order in which two erasures do not deadlock."""
    known = Patient.objects.filter(pk__in=traces.patient_ids).values_list("phone", flat=True)
    given = Appointment.objects.filter(pk__in=traces.appointment_ids).values_list("attendee_phone", flat=True)
    waiting = find_wishes(traces).values_list("phone", flat=True)
    return sorted({split_phone(number).number for number in (*known, *given, *waiting) if number}, key=get_number_id)


def _forget_details(traces, contacts, numbers):
    find_wishes(traces).delete()  # first: they are found by an address of the rest
    holds = Q(pk__in=traces.appointment_ids) | Q(patient__in=traces.patient_ids) | Q(order__in=traces.order_ids)
    Hold.objects.filter(holds).update(**OF_HOLD)
    appointments = Appointment.objects.filter(pk__in=traces.appointment_ids)
    appointments.update(**OF_APPOINTMENT, link_version=F("link_version") + 1)  # links in their mails end
    Order.objects.filter(pk__in=traces.order_ids).update(**OF_ORDER)
    ClientUser.objects.filter(patient__in=traces.patient_ids).delete()
    Consent.objects.filter(patient__in=traces.patient_ids).delete()
    StrandedPlan.objects.filter(steps__visit__appointment__in=traces.appointment_ids).update(message="")
    for model in (Reminder, StrandedVisit, TextMessage):
        model.objects.filter(appointment__in=traces.appointment_ids).delete()
    Needs.objects.filter(patient__in=traces.patient_ids).delete()
    AnswerSheet.objects.filter(appointment__in=traces.appointment_ids).delete()
    PossibleDuplicate.objects.filter(_of_either(traces.patient_ids)).delete()
    Merge.objects.filter(Q(kept_id__in=traces.patient_ids) | Q(duplicate_id__in=traces.patient_ids)).delete()
    names = Patient.objects.filter(pk__in=traces.patient_ids).values("first_name", "last_name", "date_of_birth")
    drafts = Q(email__in=contacts)
    for name in names:
        drafts |= Q(**name)
    PatientDraft.objects.filter(drafts).delete()
    forget_files()
    forget_contacts(contacts, numbers)
    for address in sorted(contacts):  # two erasures that share some do not deadlock
        forget_address(address)
    for number in numbers:
        forget_number(number)
    forget_texts(numbers)


def _forget_messages(traces):
    """Delete what waits to be sent, what was answered, and what staff's own log and next page say of the person."""
    ids = [str(id) for id in traces.ids]
    about = Q(payload__appointment__in=ids) | Q(payload__order__in=ids)
    is_to_patient = Q(kind__startswith="email.") | Q(kind__startswith="sms.")
    OutboxMessage.objects.filter(about & is_to_patient).delete()
    UndeliverableMail.objects.filter(Q(appointment__in=traces.appointment_ids) | Q(order__in=traces.order_ids)).delete()
    OutboxMessage.objects.filter(about | Q(payload__data__id__in=ids)).exclude(last_error="").update(last_error="")
    # Those about nothing too: a release before did not say what an answer is about.
    IdempotentAnswer.objects.filter(Q(about__overlap=traces.ids) | Q(about=[])).delete()
    named = [ContentType.objects.get_for_model(model) for model in (Patient, Order)]
    LogEntry.objects.filter(content_type__in=named, object_id__in=ids).update(object_repr="")
    for session in Session.objects.all():  # of staff, and messages that they have not seen yet
        content = session.get_decoded()
        if content.pop("_messages", None):
            # One that has just ended, or gone on to its next page, stays as it is.
            unchanged = Session.objects.filter(pk=session.pk, session_data=session.session_data)
            unchanged.update(session_data=Session.objects.encode(content))


def _tell_approvers(traces):
    """Write the messages to other systems that know the person: approvers, and clinicians' own calendars."""
    rows = Appointment.objects.select_related("provider").filter(pk__in=traces.appointment_ids)
    for appointment in rows:
        if appointment.provider_id and get_approver(appointment.provider).is_remote:
            queue.enqueue(Job.APPROVER_FORGET, appointment=appointment.pk)
        notify_changed(appointment, email=None, notify_approver=False)
