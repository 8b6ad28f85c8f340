"""Limits on guessing staff's passwords and codes, counted in PostgreSQL.

A *stranger* is a network from which the account has not been signed in to for KNOWN_FOR. Failures of strangers delay
strangers alone, so they lock nobody out: whoever signed in from there before waits only after failures on that
account in that very network, and a passkey, which cannot be guessed, never waits.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from django.db import connection, transaction
from django.http import HttpRequest

from booking.access import sign_in_log
from booking.access.client_identity import get_network_id
from booking.models import SignInEvent
from scheduling.lib.clock import database_now

Kind = SignInEvent.Kind
User = TypeVar("User")

KNOWN_FOR = timedelta(days=90)
MAX_FAILURES_PER_MINUTE = 60  # of all strangers together
LOCK = 0x5349474E494E  # of PostgreSQL's advisory locks


class Delay(NamedTuple):
    """After ``free`` failures within ``window``, one second; twice as long after each one more, up to ``longest``."""

    free: int
    window: timedelta
    longest: timedelta

    def get_end(self, failures: int, last_at: datetime) -> datetime:
        """Return when the next attempt may be made."""
        if failures < self.free:
            return last_at
        return last_at + min(timedelta(seconds=2 ** min(failures - self.free, 20)), self.longest)


PER_ACCOUNT = Delay(5, timedelta(days=1), timedelta(minutes=15))
PER_NETWORK = Delay(20, timedelta(days=1), timedelta(minutes=15))  # a clinic's whole staff may share one
PER_KNOWN_NETWORK = Delay(10, timedelta(hours=1), timedelta(minutes=1))


class SignInDelayed(Exception):
    """Too many attempts have failed: the next may be made in ``seconds``."""

    def __init__(self, seconds: int):
        super().__init__(seconds)
        self.seconds = seconds


def attempt(request: HttpRequest, username: str, verify: Callable[[], User | None], *, method: str) -> User | None:
    """Return what ``verify`` returns; record a failure if that is None.

    Raise SignInDelayed, without calling it, when it is too early for this account or network.
    """
    account, network = sign_in_log.get_account_id(username), get_network_id(request)
    try:
        with transaction.atomic():
            return _attempt(request, account, network, verify, method)
    except SignInDelayed:
        sign_in_log.record_once_a_minute(Kind.DELAYED, request=request, account=account)
        raise


def _attempt(request, account, network, verify, method):
    is_known = SignInEvent.objects.filter(
        account=account, network=network, kind=Kind.SIGNED_IN, created_at__gt=database_now() - KNOWN_FOR
    ).exists()
    # One attempt at a time in the whole clinic: so hashing never takes more than one core, and the counts below are
    # exact. Who is known waits; a stranger does not, and PostgreSQL lets those who wait go first.
    if not _lock(wait=is_known):
        raise SignInDelayed(1)
    seconds = _get_wait_seconds(account, network, is_known)
    if seconds > 0:
        raise SignInDelayed(seconds)
    found = verify()
    if found is None:
        sign_in_log.record(Kind.FAILED, request=request, account=account, data={"method": method, "known": is_known})
    return found


def _lock(*, wait):
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return cursor.fetchall()[0][0]


def _get_wait_seconds(account, network, is_known):
    now = database_now()
    failures = SignInEvent.objects.filter(kind=Kind.FAILED)
    of_strangers = failures.exclude(data__known=True)
    if is_known:
        ends = [_get_end(failures.filter(account=account, network=network), PER_KNOWN_NETWORK, now)]
    else:
        ends = [
            _get_end(of_strangers.filter(account=account), PER_ACCOUNT, now),
            _get_end(of_strangers.filter(network=network), PER_NETWORK, now),
        ]
        minute = of_strangers.filter(created_at__gt=now - timedelta(minutes=1)).order_by("-created_at")
        oldest = minute.values_list("created_at", flat=True)[MAX_FAILURES_PER_MINUTE - 1 : MAX_FAILURES_PER_MINUTE]
        ends += [moment + timedelta(minutes=1) for moment in oldest]
    waits = [end - now for end in ends if end]
    return max((-int(-wait.total_seconds() // 1) for wait in waits), default=0)


def _get_end(failures, delay, now):
    # More than this many make no difference.
    times = failures.filter(created_at__gt=now - delay.window).order_by("-created_at")
    recent = list(times.values_list("created_at", flat=True)[: delay.free + 20])
    return delay.get_end(len(recent), recent[0]) if recent else None
