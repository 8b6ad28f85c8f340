"""The verbs of a hold: find, place, extend, move, release; booking.domain.confirmation makes it an appointment."""

from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.access.tokens import hash_token, new_token
from booking.domain.approvals import (
    withdraw_soon,
)
from booking.domain.audit import record_event
from booking.domain.counting import get_wait, lock_count
from booking.domain.expiry import move_time, take_time
from booking.domain.patient_conflicts import (
    check_conflicts,
)
from booking.domain.patients import find_or_register, lock_patient
from booking.domain.scarcity import (
    Visitor,
    admit,
    can_be_held_longer,
    must_be_verified_there,
)
from booking.domain.slot_selection import NotOffered, OpeningRequest, check_offered, get_filters
from booking.domain.transitions import (
    HoldNotFound,
    check_live,
    lock_and_refresh,
    transition,
)
from booking.models import Appointment, Booking, Hold, Order
from booking.models.enums import EventKind
from patients.models import Patient
from scheduling.availability.search import Reason, get_not_offered_reasons_later
from scheduling.lib.compiled_queries import get_or_none, insert
from scheduling.lib.integration_fields import merge_metadata
from scheduling.schedule_changes import mark_schedule_changed
from scheduling.slots import SlotClaim, SlotTaken, free_slot, lock_clinicians, refusing_overlap, set_slot_expiry

MAX_LIVE_HOLDS = 3
APPOINTMENT_HOLDER = "appointment:"  # and its id: the Holder.id of who moves it by the link that was mailed
MINUTE = timedelta(minutes=1)
Verification = Appointment.Verification
AnyBooking = TypeVar("AnyBooking", bound=Booking)

OPENING_FIELDS = ("clinician", "location", "is_remote", "starts_at", "ends_at")


class TooManyHolds(Exception):
    """The holder has as many live holds as it may; ``retry_after`` is in seconds."""

    message = _("So many times are already held for you; use one or give it back first.")

    def __init__(self, retry_after):
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class TooManyExtensions(Exception):
    """The hold has used up its extensions."""

    message = _("The hold cannot be extended any more.")


def find_hold(token: str) -> Hold:
    """Return the hold, in whatever state, that the token was given for; raises HoldNotFound."""
    hold = get_or_none(Hold, "service", "clinician", "location", token_hash=hash_token(token))
    if hold is None:
        raise HoldNotFound
    hold.token = token
    return hold


def get_hold(holder: str, hold_id: UUID) -> Hold:
    """Return the hold with that id if ``holder`` has placed it; raises HoldNotFound."""
    hold = get_or_none(Hold, "service", "location", id=hold_id, holder=holder)
    if hold is None:
        raise HoldNotFound
    return hold


def get_hold_by_token(holder: str, token: str) -> Hold:
    """Return the hold that the token was given for if ``holder`` has placed it; raises HoldNotFound."""
    hold = get_or_none(Hold, "service", "location", token_hash=hash_token(token), holder=holder)
    if hold is None:
        raise HoldNotFound
    hold.token = token
    return hold


@dataclass(frozen=True)
class Holder:
    """Whose a hold is, without personal data. A ``visitor`` is anonymous, and shares the ``id`` with all others."""

    id: str
    visitor: Visitor | None = None


@dataclass(frozen=True)
class HoldLimits:
    """How many live holds one Holder.id may have, and how many it may place in a minute; None is any number."""

    live: int | None = MAX_LIVE_HOLDS
    per_minute: int | None = None


UNLIMITED = HoldLimits(live=None)


@refusing_overlap()
def place_hold(
    opening: OpeningRequest,
    *,
    holder: Holder,
    actor: str,
    limits: HoldLimits = HoldLimits(),
    order: Order | None = None,
    patient: Patient | None = None,
    replaces: Hold | None = None,
    lifetime: timedelta | None = None,
    until_start: bool = False,
    must_be_free: bool = False,
    external_id: str = "",
    metadata: dict | None = None,
    id: UUID | None = None,
) -> Hold:
    """Hold an opening, of which nothing is left open, and return the Hold; its ``token`` is shown only now.

    It lives for ``lifetime``, by default ``location.hold_seconds``, but no longer than until its start; a reservation
    lives ``until_start``. A visitor's networks are limited as scarcity.admit says; who has verified an address has at
    most MAX_LIVE_HOLDS, bookings that wait for another address's link included. ``patient``, saved or to be found or
    created, is whom it is for, where that is known already; with ``must_be_free`` they, or the patient of ``order``,
    must not be elsewhere then. ``replaces`` is a hold of theirs that is released if the new one succeeds. Raises
    SlotTaken, NotOffered, TooManyHolds, NeedsProof or PatientBusy, with ``replaces`` what release_hold raises, with
    ``patient`` what find_or_register does, and then nothing has changed.
    """
    hold = new_hold(
        opening,
        holder,
        lifetime=lifetime or timedelta(seconds=0 if until_start else opening.location.hold_seconds),  # pyright: ignore
        order=order,
        external_id=external_id,
        metadata=merge_metadata({}, metadata or {}),
        id=id or uuid4(),
    )
    if replaces:
        lock_clinicians(opening.clinician.pk, replaces.clinician_id)  # pyright: ignore[reportOptionalMemberAccess]
        release_hold(copy(replaces), actor=actor)  # a copy: if the new hold fails, theirs still says active
    hold.slot = slot = _take_opening(hold)
    hold.created_at = slot.taken_at
    hold.expires_at = slot.expires_at  # pyright: ignore[reportAttributeAccessIssue] (with until it has one)
    if limits != UNLIMITED:
        _check_number_of_holds({"holder": holder.id}, limits, now=hold.created_at)
    if visitor := holder.visitor:
        hold.network, hold.network_56, hold.network_48 = visitor.networks
        hold.page, hold.verified_email = visitor.page, visitor.verified_email
        if visitor.verified_email:
            _check_number_of_holds({"verified_email": visitor.verified_email}, HoldLimits(), now=hold.created_at)
        hold.must_verify = admit(hold, visitor, now=hold.created_at)
    # Last, behind all other locks, as when a hold is confirmed.
    hold.patient = patient and find_or_register(patient, actor=actor)
    if must_be_free:
        _check_patient_is_free(hold)
    insert(hold)
    record_event(hold, EventKind.HOLD_PLACED, actor=actor, at=hold.created_at, to_status=hold.status)
    return hold


def _take_opening(hold):
    """Take the time of an unsaved hold, and return the Slot; raises SlotTaken or NotOffered."""
    place = {"clinician": hold.clinician, "location": hold.location, "period": hold.padded_period}
    lasting = {"lifetime": hold.lifetime or None, "until": hold.starts_at}
    claim = SlotClaim(**place)
    get_reasons = get_not_offered_reasons_later(get_filters(hold), starts_at=hold.starts_at)
    reasons = get_reasons(claim.get_time())
    if reasons & {Reason.TAKEN, Reason.HELD}:
        raise SlotTaken
    if reasons:
        raise NotOffered(reasons)
    # Behind the lock only what has lapsed can still be in the way.
    return claim.take(**lasting) if claim.is_clear else take_time(**place, **lasting)


def new_hold(opening: OpeningRequest, holder: Holder, **details: Any) -> Hold:
    """Return an unsaved Hold of an opening, with a new ``token``; it has no slot, and says nothing of its end."""
    token = new_token()
    hold = set_opening(
        Hold(service=opening.service, holder=holder.id, token_hash=hash_token(token), **details), opening
    )
    hold.price, hold.currency, hold.token = opening.service.price, opening.service.currency, token
    return hold


def set_opening(booking: AnyBooking, opening: OpeningRequest) -> AnyBooking:
    """Give an unsaved booking another opening, and return it."""
    booking.clinician, booking.location = opening.clinician, opening.location  # pyright: ignore[reportAttributeAccessIssue]
    booking.is_remote = opening.is_remote  # pyright: ignore[reportAttributeAccessIssue]
    booking.starts_at = opening.starts_at.astimezone(UTC)
    booking.ends_at = booking.starts_at + booking.service.duration
    return booking


@transaction.atomic
def note_verified_email(hold: Hold, email_id: str) -> None:
    """Note on a visitor's live hold which address they have proved since, unless that has as many as it may hold."""
    now = lock_and_refresh(hold)
    if not hold.is_live(now) or not hold.network or hold.verified_email == email_id:
        return
    try:
        _check_number_of_holds({"verified_email": email_id}, HoldLimits(), now=now)
    except TooManyHolds:
        return  # it is booked as without a proof
    # It counts against no network from now on, and is free of the link for that address alone: see scarcity.admit.
    hold.verified_email, hold.must_verify = email_id, True
    hold.save(update_fields=["verified_email", "must_verify", "updated_at"])


def _check_patient_is_free(hold):
    """Raise PatientBusy if the patient of a hold is known, and has another visit then."""
    patient_id = hold.patient_id or (hold.order_id and hold.order.patient_id)
    if patient_id:
        lock_patient(patient_id)
        check_conflicts(hold, patient_id, must_be_free=True)


def _check_number_of_holds(whose, limits, *, now):
    # After the clinician's lock everywhere, a holder's before an address's, and networks' last: so none can deadlock.
    lock_count(str(whose))
    if limits.live is not None:
        live = Hold.objects.filter(**whose, status=Hold.Status.ACTIVE, expires_at__gt=now)
        ends = list(live.values_list("expires_at", flat=True))
        if "verified_email" in whose:  # who has proved one address could have all times wait for the links of others
            ends += _get_ends_of_waiting(Hold.objects.filter(**whose, status=Hold.Status.CONFIRMED), now)
        _enforce_limit(limits.live, ends, now)
    if limits.per_minute is not None:
        placed = Hold.objects.filter(**whose, created_at__gt=now - MINUTE)
        _enforce_limit(limits.per_minute, [at + MINUTE for at in placed.values_list("created_at", flat=True)], now)


def _get_ends_of_waiting(holds, now):
    """Return until when the bookings made of holds wait for their link, openly: the quiet wait tells nobody."""
    waiting = Appointment.objects.filter(pk__in=holds.values("pk"), verification=Verification.REQUIRED)
    return waiting.filter(status=Appointment.Status.PENDING, answer_by__gt=now).values_list("answer_by", flat=True)


def _enforce_limit(limit, ends, now):
    """Raise TooManyHolds if there are ``limit`` already, of which each counts until its end."""
    if wait := get_wait(limit, ends, now=now):
        raise TooManyHolds(wait)


@transaction.atomic
def extend_hold(hold: Hold, *, actor: str, expected_version: datetime | None = None) -> bool:
    """Give a live hold its full lifetime again, from now, but no longer than until its start; return whether it has.

    Nothing to do for one that lasts until then already, and for a visitor's that is not nearly over. Raises
    TooManyExtensions, also where the hours that a visitor's network may hold today are used up, HoldExpired,
    HoldNotFound, WrongState once it is confirmed, or ChangedMeanwhile.
    """
    now = lock_and_refresh(hold, expected_version=expected_version)
    check_live(hold, now)
    if hold.expires_at >= hold.starts_at or hold.is_too_early_to_extend(now):
        return False
    expires_at = min(max(hold.expires_at, now + hold.lifetime), hold.starts_at)
    if not hold.extensions_left or not can_be_held_longer(hold, expires_at, now=now):
        raise TooManyExtensions
    hold.expires_at = expires_at
    hold.extensions += 1
    hold.save(update_fields=["expires_at", "extensions", "updated_at"])
    set_slot_expiry(hold.slot_id, expires_at=hold.expires_at)
    record_event(hold, EventKind.HOLD_EXTENDED, actor=actor, at=now, data={"expires_at": hold.expires_at.isoformat()})
    return True


@transaction.atomic
def move_hold(
    hold: Hold,
    opening: OpeningRequest,
    *,
    actor: str,
    must_be_free: bool = False,
    expected_version: datetime | None = None,
) -> Hold:
    """Hold another opening of the service instead, for as long as the old one would have lasted; return the hold.

    It lasts until its new start at the latest, a reservation just until then. ``must_be_free`` is as for place_hold.
    Raises SlotTaken, NotOffered, PatientBusy, HoldExpired, HoldNotFound, WrongState or ChangedMeanwhile, and then the
    old time is still held.
    """
    lock_clinicians(hold.clinician_id, opening.clinician.pk)  # pyright: ignore[reportOptionalMemberAccess]
    now = lock_and_refresh(hold, expected_version=expected_version)
    check_live(hold, now)
    moved = copy_to_opening(hold, opening, now=now)
    if must_be_free:
        _check_patient_is_free(moved)
    if hold.is_reservation or moved.starts_at < hold.expires_at:
        moved.expires_at = moved.starts_at
        set_slot_expiry(moved.slot_id, expires_at=moved.expires_at)
    if moved.location_id != hold.location_id:
        moved.must_verify = must_be_verified_there(moved, now=now)
    moved.save(update_fields=[*OPENING_FIELDS, "expires_at", "must_verify", "updated_at"])
    times = {"from": hold.local_start.isoformat(), "to": moved.local_start.isoformat()}
    record_event(moved, EventKind.HOLD_MOVED, actor=actor, at=now, data=times)
    mark_location_left(hold, moved)
    hold.expires_at, hold.must_verify = moved.expires_at, moved.must_verify
    return adopt_opening(hold, moved)


def copy_to_opening(booking: AnyBooking, opening: OpeningRequest, *, now: datetime) -> AnyBooking:
    """Return a copy of a hold or an appointment at another opening, whose time is taken at ``now`` in place of its own.

    ``booking`` keeps the old time, if the new one cannot be had: raises SlotTaken and NotOffered. Call it under both
    clinicians' locks.
    """
    moved = set_opening(copy(booking), opening)
    move_time(moved.slot, clinician=moved.clinician, location=moved.location, period=moved.padded_period, at=now)
    check_offered(moved, now=now)
    return moved


def mark_location_left(booking: Booking, moved: Booking) -> None:
    """Note that times have changed where a booking no longer is: its event tells only where it is now."""
    if moved.location_id != booking.location_id:
        mark_schedule_changed(location_id=booking.location_id)


def adopt_opening(booking: AnyBooking, moved: AnyBooking) -> AnyBooking:
    """Give ``booking`` the opening of its copy, now that this is saved, and return it."""
    for name in (*OPENING_FIELDS, "slot", "updated_at"):
        setattr(booking, name, getattr(moved, name))
    return booking


@transaction.atomic
def release_hold(hold: Hold, *, actor: str, expected_version: datetime | None = None) -> None:
    """Release a hold and free its slot. Idempotent, and nothing to do for one that has expired.

    Raises WrongState once it is confirmed, and ChangedMeanwhile.
    """
    now = lock_and_refresh(hold, expected_version=expected_version)
    if hold.status in (Hold.Status.RELEASED, Hold.Status.EXPIRED):
        return
    if hold.is_live(now):
        transition(hold, Hold.Status.RELEASED, kind=EventKind.HOLD_RELEASED, actor=actor, at=now)
    else:
        transition(hold, Hold.Status.EXPIRED, kind=EventKind.HOLD_EXPIRED, actor=actor, at=now)
    free_slot(hold.slot_id)
    withdraw_soon(hold)
