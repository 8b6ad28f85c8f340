"""Placing a hold: an opening is taken for a while."""

from copy import copy
from datetime import UTC, timedelta
from uuid import uuid4

from django.db import connection, transaction

from scheduling.slots import lock_clinicians, take_slot

from .choosing import check_offered
from .events import record
from .holds import release_hold
from .models import Hold
from .people import find_or_register
from .tokens import hash_token, new_token

MOST_LIVE_HOLDS = 3
MOST_LIVE_HOLDS_OF_NETWORK = 30  # a practice or a waiting room is behind one address
MINUTE = timedelta(minutes=1)


class TooManyHolds(Exception):
    """So many times are already held for you; use one or give it back first."""

    def __init__(self, retry_after, *, is_of_network=False):
        self.retry_after, self.is_of_network = retry_after, is_of_network
        super().__init__(f"retry after {retry_after} s")


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
        _refuse_over(most, live.values_list("expires_at", flat=True), now, is_of_network="network" in whose)
    if most_a_minute is not None:
        placed = Hold.objects.filter(**whose, created_at__gt=now - MINUTE)
        _refuse_over(most_a_minute, [at + MINUTE for at in placed.values_list("created_at", flat=True)], now)


def _refuse_over(most, ends, now, *, is_of_network=False):
    """Raise TooManyHolds if there are ``most`` already, of which each counts until its end."""
    if len(ends) >= most:
        wait = int((min(ends, default=now) - now).total_seconds()) + 1
        raise TooManyHolds(wait, is_of_network=is_of_network)
