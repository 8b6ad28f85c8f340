"""The verbs of a waiting list: join, confirm, change and leave it; for staff, take somebody off and put them first."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.access.email_addresses import get_email_id, note_confirmed
from booking.domain.audit import record_event
from booking.domain.counting import get_wait, lock_counts
from booking.domain.transitions import lock_row
from booking.models import Appointment, Hold, Waitlist, WaitlistEntry
from booking.models.enums import EventKind, Job
from booking.models.waitlist import get_part_of_day
from booking.outbox import queue
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, open_times
from scheduling.lib.clock import database_now
from scheduling.lib.integration_fields import apply_changes
from scheduling.models import Location, Service

MAX_PER_ADDRESS = 5  # live wishes
MAX_PER_NETWORK = 10  # wishes left in a day
DAY = timedelta(days=1)
CONFIRM_WITHIN = DAY
MINUTE = 60
HOLDER = "waitlist:"  # and the entry's id: the Holder.id of what is held for who waits

Status = WaitlistEntry.Status


class WaitlistClosed(Exception):
    """Nobody can join the service's waiting list online."""

    message = _("There is no waiting list for that.")


class TooManyWishes(Exception):
    """So many have joined from one network today; ``retry_after`` is in seconds."""

    message = _("Too many people have joined from where you are today.")

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class WishEnded(Exception):
    """The wish is no longer on the list."""

    message = _("That is no longer on the waiting list.")


def is_open(service: Service) -> bool:
    """Return whether patients may join a service's waiting list: without SITE_URL they could be sent no link."""
    if not (settings.SITE_URL and service.is_active and service.is_online_bookable):
        return False
    return not Waitlist.objects.filter(service=service, is_open=False).exists()


@transaction.atomic
def join(entry: WaitlistEntry, *, actor: str, is_proven: bool = False) -> WaitlistEntry | None:
    """Save a validated wish, and return it; it counts at once if its address ``is_proven``, else after confirm_entry.

    A visitor's has a ``network``. Whose address has MAX_PER_ADDRESS already gets None, and no mail: the caller says
    the same in either case, since nobody need learn who waits. Raises WaitlistClosed or TooManyWishes.
    """
    if entry.network and not is_open(entry.service):
        raise WaitlistClosed
    entry.email_id = get_email_id(entry.email)
    lock_counts(*(f"wishes {whose}" for whose in (entry.network, entry.email_id) if whose))
    now = database_now()
    if entry.network:
        today = WaitlistEntry.objects.filter(network=entry.network, created_at__gt=now - DAY)
        ends = [at + DAY for at in today.values_list("created_at", flat=True)]
        if wait := get_wait(MAX_PER_NETWORK, ends, now=now):
            raise TooManyWishes(wait)
    entry.known_starts = _list_known_starts(entry, now)  # before: a refusal takes as long as a wish
    if has_many_wishes(entry.email):
        return None
    Waitlist.objects.get_or_create(service=entry.service)
    entry.created_at, entry.status = now, Status.WAITING if is_proven else Status.UNCONFIRMED
    entry.waiting_since = now if is_proven else None
    entry.save(force_insert=True)
    record_event(entry, EventKind.WAITLIST_JOINED, actor=actor, at=now, to_status=entry.status)
    if not is_proven:
        queue.enqueue(Job.EMAIL_WAITLIST_CONFIRM, entry=entry.pk)
    return entry


def has_many_wishes(email: str) -> bool:
    """Return whether an address is on as many lists as it may be."""
    live = WaitlistEntry.objects.filter(email_id=get_email_id(email), status__in=WaitlistEntry.LIVE)
    return live.count() >= MAX_PER_ADDRESS


def join_for_earlier(appointment: Appointment, *, actor: str) -> WaitlistEntry | None:
    """Have an appointment's patient told when something earlier is free at its place, and return the wish, or None.

    Idempotent. The appointment stays until the new time is taken. Whose address is not proven is sent a link first.
    Raises WaitlistClosed where nothing earlier can be wished for.
    """
    if found := find_earlier_wish(appointment):
        return found
    if not can_wish_earlier(appointment):
        raise WaitlistClosed
    first_name, _space, last_name = appointment.attendee_name.rpartition(" ")
    entry = WaitlistEntry(
        service=appointment.service,
        appointment=appointment,
        patient_id=appointment.patient_id,
        location=None if appointment.is_remote else appointment.location,
        is_remote=appointment.is_remote,
        last_day=appointment.local_start.date(),
        first_name=first_name[:100],
        last_name=last_name[:100],
        email=appointment.attendee_email,
        phone=appointment.attendee_phone,
        language=appointment.language,
    )
    return join(entry, actor=actor, is_proven=not appointment.is_unproven)


def can_wish_earlier(appointment: Appointment) -> bool:
    """Return whether its patient may be told of something earlier: there is an address, and it can still be changed.

    ``appointment`` is as it is shown: what waits quietly for its link is asked and answered as any other.
    """
    has_contact = bool(appointment.attendee_email and appointment.attendee_name)
    is_settled = appointment.status == Appointment.Status.CONFIRMED and not appointment.is_at_home
    return has_contact and is_settled and appointment.can_change(database_now()) and is_open(appointment.service)


def find_earlier_wish(appointment: Appointment) -> WaitlistEntry | None:
    """Return the live wish for something earlier than an appointment, or None."""
    return WaitlistEntry.objects.filter(appointment=appointment, status__in=WaitlistEntry.LIVE).first()


@transaction.atomic
def confirm_entry(entry: WaitlistEntry, *, actor: str = "patient") -> None:
    """Note that the link in the mail was pressed: from now on the wish counts. Idempotent. Raises WishEnded."""
    _lock(entry)
    if entry.status == Status.WAITING:
        return
    now = database_now()
    note_confirmed(entry.email, at=now)
    entry.status, entry.waiting_since = Status.WAITING, now
    entry.save(update_fields=["status", "waiting_since", "updated_at"])
    kind = EventKind.WAITLIST_CONFIRMED
    record_event(entry, kind, actor=actor, at=now, from_status=Status.UNCONFIRMED, to_status=Status.WAITING)


@transaction.atomic
def change_entry(entry: WaitlistEntry, *, actor: str, **changes: Any) -> None:
    """Change what is wished for, or the priority. The event names which fields changed, not their values.

    What is free now is no news to who changes the wish. Raises WishEnded.
    """
    _lock(entry)
    changed = apply_changes(entry, changes)
    if not changed:
        return
    now = database_now()
    if changed != ["priority"]:
        entry.known_starts = _list_known_starts(entry, now)
        changed = [*changed, "known_starts"]
    entry.save(update_fields=[*changed, "updated_at"])
    data = {"changed": [name for name in changed if name != "known_starts"]}
    record_event(entry, EventKind.WAITLIST_UPDATED, actor=actor, at=now, data=data)


@transaction.atomic
def end_entry(entry: WaitlistEntry, status: str, *, actor: str) -> None:
    """Take a wish off the list: left, removed, booked, expired or unanswered. Idempotent.

    What is held for it is released soon, by waitlist_offers.settle_offers: its clinician must not be locked after it.
    """
    try:
        _lock(entry)
    except WishEnded:
        return
    before, now = entry.status, database_now()
    entry.status = status
    entry.save(update_fields=["status", "updated_at"])
    record_event(entry, EventKind.WAITLIST_ENDED, actor=actor, at=now, from_status=before, to_status=status)


def _lock(entry):
    """Lock and refresh an entry; raise WishEnded if it is not on the list any more, or erased."""
    try:
        lock_row(entry)
    except WaitlistEntry.DoesNotExist as error:
        raise WishEnded from error
    if entry.status not in WaitlistEntry.LIVE:
        raise WishEnded


def find_entry_of_hold(hold: Hold) -> WaitlistEntry | None:
    """Return whose wish a hold was placed for, or None for any other hold."""
    return WaitlistEntry.objects.filter(offers__hold=hold).first() if hold.holder.startswith(HOLDER) else None


# Which times fit


def find_fitting(entry: WaitlistEntry, openings: list[Opening], zones: dict[UUID, Any]) -> Iterator[Opening]:
    """Yield those of the openings that a wish is for; ``zones`` are those of the locations."""
    before = entry.appointment.starts_at if entry.appointment else None
    for opening in openings:
        if entry.clinician_id not in (None, opening.clinician_id) or entry.is_remote not in (None, opening.is_remote):
            continue
        if entry.location_id not in (None, opening.location_id):
            continue
        if before and opening.starts_at >= before:
            continue
        if is_wished_moment(entry, opening.starts_at.astimezone(zones[opening.location_id])):
            yield opening


def is_wished_moment(entry: WaitlistEntry, local: datetime) -> bool:
    """Return whether a local time is on the days and in the parts of the day that a wish names."""
    return (
        (entry.first_day is None or entry.first_day <= local.date())
        and local.date() <= entry.last_day
        and (not entry.weekdays or local.weekday() in entry.weekdays)
        and (not entry.parts_of_day or get_part_of_day(local.hour) in entry.parts_of_day)
    )


def get_known_start(opening: Opening) -> int:
    """Return how WaitlistEntry.known_starts has an opening's start."""
    return opening.start // MINUTE


def load_zones() -> dict[UUID, Any]:
    """Return the time zone of each location."""
    return {location.pk: location.zone for location in Location.objects.only("timezone")}


def _list_known_starts(entry, now):
    ends_at = datetime.combine(entry.last_day + 2 * DAY, time(), now.tzinfo)
    clinicians = [entry.clinician_id] if entry.clinician_id else None
    filters = OpeningFilters(entry.service, clinician_ids=clinicians, is_remote=entry.is_remote)
    openings = open_times(filters, start_at=now, end_at=ends_at, now=now)
    return sorted({get_known_start(opening) for opening in find_fitting(entry, openings, load_zones())})
