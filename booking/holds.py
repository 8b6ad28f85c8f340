"""The verbs of a hold between placing.py and confirming.py: find, extend, move, release, expire."""

from copy import copy
from datetime import UTC

from django.db import transaction

from scheduling.rows import find
from scheduling.slots import database_now, free_slot, lock_clinician, lock_clinicians, move_slot, prolong_slot

from . import outbox
from .choosing import check_offered
from .events import record
from .models import Event, Hold, Provider
from .states import WrongState, lock_booking, move
from .tokens import hash_token


class HoldNotFound(Exception):
    """There is no such hold, or it was given back."""


class HoldExpired(Exception):
    """The hold has run out."""

    def __init__(self, hold):
        self.hold = hold
        super().__init__(hold.expires_at.isoformat())


class TooManyExtensions(Exception):
    """The hold cannot be extended any more."""


def find_hold(token):
    """Return the hold, in whatever state, that the token was given for; raises HoldNotFound."""
    hold = find(Hold, "service", "clinician", "location", token_hash=hash_token(token))
    if hold is None:
        raise HoldNotFound
    hold.token = token
    return hold


def hold_of(holder, hold_id):
    """Return the hold with that id if ``holder`` has placed it; raises HoldNotFound."""
    hold = find(Hold, "service", "location", id=hold_id, holder=holder)
    if hold is None:
        raise HoldNotFound
    return hold


@transaction.atomic
def extend_hold(hold, *, by, if_unchanged=None):
    """Give a live hold its full time again, counted from now.

    Raises TooManyExtensions, HoldExpired, HoldNotFound, WrongState once it is confirmed, or ChangedMeanwhile.
    """
    now = lock_booking(hold, if_unchanged=if_unchanged)
    check_live(hold, now)
    if not hold.extensions_left:
        raise TooManyExtensions
    hold.expires_at = now + hold.lasting
    hold.extensions += 1
    hold.save(update_fields=["expires_at", "extensions", "updated_at"])
    prolong_slot(hold.slot_id, expires_at=hold.expires_at)
    record(hold, "hold.extended", by=by, at=now, data={"expires_at": hold.expires_at.isoformat()})


def check_live(hold, now):
    """Raise WrongState, HoldNotFound or HoldExpired unless the hold can be confirmed."""
    if hold.status == Hold.Status.CONFIRMED:
        raise WrongState(hold)
    if hold.status == Hold.Status.RELEASED:
        raise HoldNotFound
    if not hold.is_live(now):
        raise HoldExpired(hold)


@transaction.atomic
def move_hold(hold, *, clinician, location, starts_at, is_remote, by, if_unchanged=None):
    """Hold another opening of the service instead, for as long as the old one would have lasted.

    Raises SlotTaken, NotOffered, HoldExpired, HoldNotFound, WrongState or ChangedMeanwhile, and then the old time is
    still held.
    """
    lock_clinicians(hold.clinician_id, clinician.pk)
    now = lock_booking(hold, if_unchanged=if_unchanged)
    check_live(hold, now)
    moved = moved_to(
        hold, clinician=clinician, location=location, starts_at=starts_at, is_remote=is_remote, now=now
    )
    moved.save(update_fields=["clinician", "location", "is_remote", "starts_at", "ends_at", "updated_at"])
    record(moved, "hold.moved", by=by, at=now)
    vars(hold).update(vars(moved))


def moved_to(booking, *, clinician, location, starts_at, is_remote, now):
    """Return a copy of a hold or an appointment at another opening, whose time is taken in place of its own.

    What was given still says the old time, if that cannot be had: raises SlotTaken and NotOffered. Call it under both
    clinicians' locks.
    """
    moved = copy(booking)
    moved.clinician, moved.location, moved.is_remote = clinician, location, is_remote
    moved.starts_at = starts_at.astimezone(UTC)
    moved.ends_at = moved.starts_at + booking.service.duration
    move_slot(moved.slot, clinician=clinician, location=location, period=moved.padded_period)
    check_offered(moved, now=now)
    return moved


@transaction.atomic
def release_hold(hold, *, by, if_unchanged=None):
    """Give a held time back. One that is no longer held is fine; a confirmed one raises WrongState.

    Raises ChangedMeanwhile too.
    """
    now = lock_booking(hold, if_unchanged=if_unchanged)
    if hold.status in (Hold.Status.RELEASED, Hold.Status.EXPIRED):
        return
    end = Hold.Status.RELEASED if hold.is_live(now) else Hold.Status.EXPIRED
    move(hold, end, kind=f"hold.{end}", by=by, at=now)
    free_slot(hold.slot_id)
    _take_back_soon(hold)


def _take_back_soon(hold):
    """Tell a provider that was asked for it at once: whoever has the time next may have to ask for it too."""
    asked = Event.objects.filter(booking_id=hold.pk, kind="provider.asked").order_by("-sequence").first()
    if asked:
        provider = Provider.objects.get(slug=asked.data["provider"])
        outbox.enqueue("provider.take_back", hold=hold.pk, provider=provider.pk, asked=asked.sequence)


def expire_holds():
    """Mark the holds that have run out, free their time, and return how many there were.

    Only tidies and announces: a lapsed hold stops counting by itself.
    """
    lapsed = Hold.objects.filter(status=Hold.Status.ACTIVE, expires_at__lte=database_now())
    clinicians = lapsed.order_by("clinician").values_list("clinician", flat=True).distinct()
    return sum(_expire_holds_of(clinician_id) for clinician_id in list(clinicians))


@transaction.atomic
def _expire_holds_of(clinician_id):
    now = lock_clinician(clinician_id)
    lapsed = Hold.objects.filter(clinician=clinician_id, status=Hold.Status.ACTIVE, expires_at__lte=now)
    lapsed = lapsed.select_related("location")
    for hold in lapsed:
        move(hold, Hold.Status.EXPIRED, kind="hold.expired", by="worker", at=now)
        free_slot(hold.slot_id)
    return len(lapsed)
