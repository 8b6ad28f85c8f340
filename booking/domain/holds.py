"""The verbs of a hold: find, place, extend, move, release, confirm."""

from copy import copy
from datetime import UTC, timedelta
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.access.tokens import hash_token, new_token
from booking.domain.appointments import create_appointment
from booking.domain.audit import record_event
from booking.domain.patients import find_or_register
from booking.domain.slot_selection import check_offered
from booking.domain.transitions import ChangedMeanwhile, WrongState, lock_and_refresh, transition
from booking.integrations.approvers import get_approver, get_provider
from booking.models import Appointment, Event, Hold, Provider
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from patients.matching import agree
from scheduling.lib.compiled_queries import get_or_none
from scheduling.slots import free_slot, lock_clinicians, move_slot, set_slot_expiry, take_slot

MAX_LIVE_HOLDS = 3
MAX_LIVE_HOLDS_PER_NETWORK = 30  # a practice or a waiting room is behind one address
MINUTE = timedelta(minutes=1)


class TooManyHolds(Exception):
    """The holder has as many live holds as it may; ``retry_after`` is in seconds."""

    message = _("So many times are already held for you; use one or give it back first.")

    def __init__(self, retry_after, *, is_of_network=False):
        self.retry_after, self.is_of_network = retry_after, is_of_network
        super().__init__(f"retry after {retry_after} s")


class HoldNotFound(Exception):
    """No hold has that id or token, or it was released."""

    message = _("There is no such hold, or it was given back.")


class HoldExpired(Exception):
    """The hold lapsed before the verb had the lock."""

    message = _("The hold has run out.")

    def __init__(self, hold):
        self.hold = hold
        super().__init__(hold.expires_at.isoformat())


class TooManyExtensions(Exception):
    """The hold has used up its extensions."""

    message = _("The hold cannot be extended any more.")


class MustAsk(Exception):
    """Another system must be asked before that can be confirmed."""

    def __init__(self, provider=None):
        self.provider = provider
        super().__init__()


def find_hold(token):
    """Return the hold, in whatever state, that the token was given for; raises HoldNotFound."""
    hold = get_or_none(Hold, "service", "clinician", "location", token_hash=hash_token(token))
    if hold is None:
        raise HoldNotFound
    hold.token = token
    return hold


def get_hold(holder, hold_id):
    """Return the hold with that id if ``holder`` has placed it; raises HoldNotFound."""
    hold = get_or_none(Hold, "service", "location", id=hold_id, holder=holder)
    if hold is None:
        raise HoldNotFound
    return hold


@transaction.atomic
def place_hold(
    *,
    service,
    clinician,
    location,
    starts_at,
    is_remote,
    holder,
    actor,
    visitor="",
    network="",
    order=None,
    patient=None,
    replaces=None,
    limit=MAX_LIVE_HOLDS,
    limit_per_minute=None,
    lifetime=None,
    id=None,
):
    """Hold an opening for ``location.hold_seconds`` and return the Hold; its ``token`` is shown only now.

    ``lifetime`` (a timedelta) is another time to hold it, ``id`` the id it is to have.
    ``holder`` says whose hold it is, without personal data; one holder has at most ``limit`` live ones
    (None: any number) and places ``limit_per_minute``. Where many share a holder, ``visitor`` says who asked,
    and has at most MAX_LIVE_HOLDS; ``network`` where from, which has at most
    MAX_LIVE_HOLDS_PER_NETWORK. ``patient``, saved or to be found or created, is whom it is for, where that
    is known already. ``replaces`` is a hold of theirs that is released if the new one succeeds.
    Raises SlotTaken, NotOffered or TooManyHolds, with ``replaces`` what release_hold raises, with ``patient`` what
    find_or_register does, and then nothing has changed.
    """
    token = new_token()
    hold = Hold(
        service=service,
        clinician=clinician,
        location=location,
        is_remote=is_remote,
        starts_at=starts_at.astimezone(UTC),
        ends_at=starts_at.astimezone(UTC) + service.duration,
        holder=holder,
        visitor=visitor,
        network=network,
        token_hash=hash_token(token),
        lifetime=lifetime or timedelta(seconds=location.hold_seconds),
        order=order,
        id=id or uuid4(),
    )
    if replaces:
        lock_clinicians(clinician.pk, replaces.clinician_id)
        release_hold(copy(replaces), actor=actor)  # a copy: if the new hold fails, theirs still says active
    hold.slot = take_slot(
        clinician=clinician,
        location=location,
        period=hold.padded_period,
        lifetime=hold.lifetime,
    )
    hold.created_at, hold.expires_at = hold.slot.taken_at, hold.slot.expires_at
    # Taken first, checked second: both happen behind the clinician's lock, which take_slot waited for.
    check_offered(hold, now=hold.created_at)
    if limit is not None or limit_per_minute is not None:
        _check_number_of_holds({"holder": holder}, limit, limit_per_minute, now=hold.created_at)
    if visitor:
        _check_number_of_holds({"visitor": visitor}, MAX_LIVE_HOLDS, None, now=hold.created_at)
    if network:
        _check_number_of_holds({"network": network}, MAX_LIVE_HOLDS_PER_NETWORK, None, now=hold.created_at)
    # Last, behind all other locks, as when a hold is confirmed.
    hold.patient = patient and find_or_register(patient, actor=actor)
    hold.save(force_insert=True)
    record_event(hold, EventKind.HOLD_PLACED, actor=actor, at=hold.created_at, to_status=hold.status)
    hold.token = token
    return hold


def _check_number_of_holds(whose, limit, limit_per_minute, *, now):
    # Without this lock, many requests at once would each count the holds before any of them adds one.
    # It comes after the clinician's lock everywhere, a holder's before a visitor's, and a network's last, so none
    # can deadlock.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(whose)])
    if limit is not None:
        live = Hold.objects.filter(**whose, status=Hold.Status.ACTIVE, expires_at__gt=now)
        _refuse_over(limit, live.values_list("expires_at", flat=True), now, is_of_network="network" in whose)
    if limit_per_minute is not None:
        placed = Hold.objects.filter(**whose, created_at__gt=now - MINUTE)
        _refuse_over(limit_per_minute, [at + MINUTE for at in placed.values_list("created_at", flat=True)], now)


def _refuse_over(limit, ends, now, *, is_of_network=False):
    """Raise TooManyHolds if there are ``limit`` already, of which each counts until its end."""
    if len(ends) >= limit:
        wait = int((min(ends, default=now) - now).total_seconds()) + 1
        raise TooManyHolds(wait, is_of_network=is_of_network)


@transaction.atomic
def extend_hold(hold, *, actor, expected_version=None):
    """Give a live hold its full time again, counted from now.

    Raises TooManyExtensions, HoldExpired, HoldNotFound, WrongState once it is confirmed, or ChangedMeanwhile.
    """
    now = lock_and_refresh(hold, expected_version=expected_version)
    check_live(hold, now)
    if not hold.extensions_left:
        raise TooManyExtensions
    hold.expires_at = now + hold.lifetime
    hold.extensions += 1
    hold.save(update_fields=["expires_at", "extensions", "updated_at"])
    set_slot_expiry(hold.slot_id, expires_at=hold.expires_at)
    record_event(hold, EventKind.HOLD_EXTENDED, actor=actor, at=now, data={"expires_at": hold.expires_at.isoformat()})


def check_live(hold, now):
    """Raise WrongState, HoldNotFound or HoldExpired unless the hold can be confirmed."""
    if hold.status == Hold.Status.CONFIRMED:
        raise WrongState(hold)
    if hold.status == Hold.Status.RELEASED:
        raise HoldNotFound
    if not hold.is_live(now):
        raise HoldExpired(hold)


@transaction.atomic
def move_hold(hold, *, clinician, location, starts_at, is_remote, actor, expected_version=None):
    """Hold another opening of the service instead, for as long as the old one would have lasted.

    Raises SlotTaken, NotOffered, HoldExpired, HoldNotFound, WrongState or ChangedMeanwhile, and then the old time is
    still held.
    """
    lock_clinicians(hold.clinician_id, clinician.pk)
    now = lock_and_refresh(hold, expected_version=expected_version)
    check_live(hold, now)
    moved = copy_to_opening(
        hold, clinician=clinician, location=location, starts_at=starts_at, is_remote=is_remote, now=now
    )
    moved.save(update_fields=["clinician", "location", "is_remote", "starts_at", "ends_at", "updated_at"])
    record_event(moved, EventKind.HOLD_MOVED, actor=actor, at=now)
    vars(hold).update(vars(moved))


def copy_to_opening(booking, *, clinician, location, starts_at, is_remote, now):
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
def release_hold(hold, *, actor, expected_version=None):
    """Give a held time back. One that is no longer held is fine; a confirmed one raises WrongState.

    Raises ChangedMeanwhile too.
    """
    now = lock_and_refresh(hold, expected_version=expected_version)
    if hold.status in (Hold.Status.RELEASED, Hold.Status.EXPIRED):
        return
    if hold.is_live(now):
        transition(hold, Hold.Status.RELEASED, kind=EventKind.HOLD_RELEASED, actor=actor, at=now)
    else:
        transition(hold, Hold.Status.EXPIRED, kind=EventKind.HOLD_EXPIRED, actor=actor, at=now)
    free_slot(hold.slot_id)
    _take_back_soon(hold)


def _take_back_soon(hold):
    """Tell a provider that was asked for it at once: whoever has the time next may have to ask for it too."""
    asked = Event.objects.filter(booking_id=hold.pk, kind=EventKind.APPROVER_ASKED).order_by("-sequence").first()
    if asked:
        provider = Provider.objects.get(slug=asked.data["provider"])
        queue.enqueue(Job.APPROVER_WITHDRAW, hold=hold.pk, provider=provider.pk, asked=asked.sequence)


@transaction.atomic
def confirm_hold(
    hold,
    *,
    patient,
    actor,
    notes="",
    attendee=None,
    agreed_to=(),
    acknowledged=None,
    answer_within=None,
    expected_version=None,
    must_be_new=False,
):
    """Make the hold an appointment and return it; a confirmed hold returns its appointment again.
    With ``must_be_new`` that raises WrongState.

    ``patient`` is a saved Patient, or an unsaved, validated one to be found or created; ``agreed_to`` has
    the Consent.Purpose of what they agreed to. ``attendee`` ({"name", "email", "phone"}) is who comes, if
    not as the patient is written. ``acknowledged`` (an Acknowledgement) says what its provider has answered; it
    is made by asking.ask, since nobody can be asked in a transaction. Staff answer later, in
    ``answer_within`` (a timedelta). Raises MustAsk if there is a provider to be asked first, ChangedMeanwhile if
    it was asked about something else, PatientArchived, HoldExpired, HoldNotFound or WrongState, and then nothing has
    changed.
    """
    now = lock_and_refresh(hold, expected_version=expected_version)
    if hold.status == Hold.Status.CONFIRMED and not must_be_new:
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
    patient = find_or_register(patient, actor=actor)
    transition(hold, Hold.Status.CONFIRMED, kind=EventKind.HOLD_CONFIRMED, actor=actor, at=now)
    set_slot_expiry(hold.slot_id, expires_at=None)
    appointment = create_appointment(
        hold, patient=patient, attendee=attendee, acknowledged=acknowledged, notes=notes, actor=actor, at=now
    )
    for purpose in agreed_to:
        agree(patient, purpose, at=now)
    return appointment


def _acknowledge_at_once(hold, now, answer_within):
    provider = get_provider(hold.service_id, hold.location_id)
    acknowledged = get_approver(provider).at_once(provider, hold, at=now, answer_within=answer_within)
    if acknowledged is None:
        raise MustAsk(provider)
    return acknowledged


def _is_void(acknowledged, hold):
    """Return whether what the provider has answered to is no longer so: it was taken back, or is another time now."""
    if not acknowledged.asked:
        return False
    since = Event.objects.filter(booking_id=hold.pk, sequence__gt=acknowledged.asked)
    is_taken_back = Q(kind=EventKind.APPROVER_WITHDRAWN, data__provider=acknowledged.provider.slug)
    return since.filter(is_taken_back | Q(kind=EventKind.HOLD_MOVED)).exists()
