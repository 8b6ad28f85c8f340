"""The verbs of a hold: place, extend, move, release, expire, confirm."""

from copy import copy
from datetime import UTC, timedelta
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Q

from patients.matching import agree
from scheduling.rows import find
from scheduling.slots import (
    database_now,
    free_slot,
    lock_clinician,
    lock_clinicians,
    move_slot,
    prolong_slot,
    take_slot,
)

from . import outbox
from .appointments import create_appointment
from .choosing import check_offered
from .events import record
from .models import Appointment, Event, Hold, Provider
from .people import find_or_register
from .providers import kind_of, provider_of
from .states import ChangedMeanwhile, WrongState, lock_booking, move
from .tokens import hash_token, new_token

MOST_LIVE_HOLDS = 3
MOST_LIVE_HOLDS_OF_NETWORK = 30  # a practice or a waiting room is behind one address
MINUTE = timedelta(minutes=1)


class HoldNotFound(Exception):
    """There is no such hold, or it was given back."""


class HoldExpired(Exception):
    """The hold has run out."""

    def __init__(self, hold):
        self.hold = hold
        super().__init__(hold.expires_at.isoformat())


class TooManyHolds(Exception):
    """So many times are already held for you; use one or give it back first."""

    def __init__(self, retry_after):
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class TooManyExtensions(Exception):
    """The hold cannot be extended any more."""


class MustAsk(Exception):
    """Another system must be asked before that can be confirmed."""

    def __init__(self, provider=None):
        self.provider = provider
        super().__init__()


@transaction.atomic
def place_hold(*, service, clinician, location, starts_at, is_remote, holder, by, visitor="", network="", order=None,
               patient=None, instead_of=None, most=MOST_LIVE_HOLDS, most_a_minute=None, lasting=None, id=None):
    """Hold an opening for ``location.hold_seconds`` and return the Hold; its ``token`` is shown only now.

    ``lasting`` (a timedelta) is another time to hold it, ``id`` the id it is to have.
    ``holder`` says whose hold it is, without personal data; one holder has at most ``most`` live ones
    (None: any number) and places ``most_a_minute``. Where many share a holder, ``visitor`` says who asked,
    and has at most MOST_LIVE_HOLDS; ``network`` where from, which has at most
    MOST_LIVE_HOLDS_OF_NETWORK. ``patient``, saved or to be found or created, is whom it is for, where that
    is known already. ``instead_of`` is a hold of theirs that is released if the new one succeeds.
    Raises SlotTaken, NotOffered or TooManyHolds, with ``instead_of`` what release_hold raises, with ``patient`` what
    find_or_register does, and then nothing has changed.
    """
    token = new_token()
    hold = Hold(
        service=service, clinician=clinician, location=location, is_remote=is_remote,
        starts_at=starts_at.astimezone(UTC), ends_at=starts_at.astimezone(UTC) + service.duration,
        holder=holder, visitor=visitor, network=network, token_hash=hash_token(token),
        lasting=lasting or timedelta(seconds=location.hold_seconds), order=order, id=id or uuid4(),
    )
    if instead_of:
        lock_clinicians(clinician.pk, instead_of.clinician_id)
        release_hold(copy(instead_of), by=by)  # a copy: if the new hold fails, theirs still says active
    hold.slot = take_slot(
        clinician=clinician, location=location, period=hold.padded_period,
        lasting=hold.lasting,
    )
    hold.created_at, hold.expires_at = hold.slot.taken_at, hold.slot.expires_at
    # Taken first, checked second: both happen behind the clinician's lock, which take_slot waited for.
    check_offered(hold, now=hold.created_at)
    if most is not None or most_a_minute is not None:
        _check_number_of_holds({"holder": holder}, most, most_a_minute, now=hold.created_at)
    if visitor:
        _check_number_of_holds({"visitor": visitor}, MOST_LIVE_HOLDS, None, now=hold.created_at)
    if network:
        _check_number_of_holds({"network": network}, MOST_LIVE_HOLDS_OF_NETWORK, None, now=hold.created_at)
    # Last, behind all other locks, as when a hold is confirmed.
    hold.patient = patient and find_or_register(patient, by=by)
    hold.save(force_insert=True)
    record(hold, "hold.placed", by=by, at=hold.created_at, to_status=hold.status)
    hold.token = token
    return hold


def _check_number_of_holds(whose, most, most_a_minute, *, now):
    # Without this lock, many requests at once would each count the holds before any of them adds one.
    # It comes after the clinician's lock everywhere, a holder's before a visitor's, and a network's last, so none
    # can deadlock.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(whose)])
    if most is not None:
        live = Hold.objects.filter(**whose, status=Hold.Status.ACTIVE, expires_at__gt=now)
        _refuse_over(most, live.values_list("expires_at", flat=True), now)
    if most_a_minute is not None:
        placed = Hold.objects.filter(**whose, created_at__gt=now - MINUTE)
        _refuse_over(most_a_minute, [at + MINUTE for at in placed.values_list("created_at", flat=True)], now)


def _refuse_over(most, ends, now):
    """Raise TooManyHolds if there are ``most`` already, of which each counts until its end."""
    if len(ends) >= most:
        raise TooManyHolds(retry_after=int((min(ends, default=now) - now).total_seconds()) + 1)


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


@transaction.atomic
def confirm_hold(
    hold, *, patient, by, notes="", attendee=None, agreed_to=(), acknowledged=None, answer_within=None,
    if_unchanged=None, only_once=False
):
    """Make the hold an appointment and return it; a confirmed hold returns its appointment again.
    With ``only_once`` that raises WrongState.

    ``patient`` is a saved Patient, or an unsaved, validated one to be found or created; ``agreed_to`` has
    the Consent.Purpose of what they agreed to. ``attendee`` ({"name", "email", "phone"}) is who comes, if
    not as the patient is written. ``acknowledged`` (an Acknowledgement) says what its provider has answered; it
    is made by asking.ask, since nobody can be asked in a transaction. Staff answer later, in
    ``answer_within`` (a timedelta). Raises MustAsk if there is a provider to be asked first, ChangedMeanwhile if
    it was asked about something else or the patient has just been archived, HoldExpired, HoldNotFound or WrongState,
    and then nothing has changed.
    """
    now = lock_booking(hold, if_unchanged=if_unchanged)
    if hold.status == Hold.Status.CONFIRMED and not only_once:
        appointment = Appointment.objects.filter(pk=hold.pk).first()
        if appointment is None:  # an earlier appointment has been moved to its time
            raise WrongState(hold)
        return appointment
    check_live(hold, now)
    if acknowledged is None:
        acknowledged = _acknowledge_at_once(hold, now, answer_within)
    elif _is_void(acknowledged, hold):
        raise ChangedMeanwhile
    attendee = attendee or patient.contact  # as they say, however they are written down
    patient = find_or_register(patient, by=by)
    move(hold, Hold.Status.CONFIRMED, kind="hold.confirmed", by=by, at=now)
    prolong_slot(hold.slot_id, expires_at=None)
    appointment = create_appointment(
        hold, patient=patient, attendee=attendee, acknowledged=acknowledged, notes=notes, by=by, at=now
    )
    for purpose in agreed_to:
        agree(patient, purpose, at=now)
    return appointment


def _acknowledge_at_once(hold, now, answer_within):
    provider = provider_of(hold.service_id, hold.location_id)
    acknowledged = kind_of(provider).at_once(provider, hold, at=now, answer_within=answer_within)
    if acknowledged is None:
        raise MustAsk(provider)
    return acknowledged


def _is_void(acknowledged, hold):
    """Return whether what the provider has answered to is no longer so: it was taken back, or is another time now."""
    if not acknowledged.asked:
        return False
    since = Event.objects.filter(booking_id=hold.pk, sequence__gt=acknowledged.asked)
    is_taken_back = Q(kind="provider.taken_back", data__provider=acknowledged.provider.slug)
    return since.filter(is_taken_back | Q(kind="hold.moved")).exists()
