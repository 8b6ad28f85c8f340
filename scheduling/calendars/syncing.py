"""Read the calendars that are due, or that somebody waits for, and store what they say.

Threads read calendars outside any transaction; the calling thread stores their readings one at a time.
"""

import logging
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from scheduling.calendars.base import CannotRead, NoTime
from scheduling.calendars.reading import get_message, read_calendar
from scheduling.calendars.scope import get_scopes
from scheduling.calendars.storing import get_readable_calendars, store_failure, store_reading
from scheduling.lib.clock import database_now
from scheduling.lib.safe_http import NotPublic, Unreachable
from scheduling.models import Calendar

logger = logging.getLogger(__name__)

SYNC_COOLDOWN = timedelta(seconds=10)  # do not read a calendar again this soon
CLAIM_LIFETIME = timedelta(seconds=60)  # longer than sync_due_calendars takes
BATCH_SIZE = 100
THREADS = 16

READ_TIMEOUT = 20  # seconds for one calendar
DUE_TIMEOUT = 40  # seconds for all that are due at a time
NOW_TIMEOUT = 2.0  # seconds while somebody waits for free times


def sync_due_calendars(*, timeout: float = DUE_TIMEOUT) -> int:
    """Read the calendars that are due, and return their number. Safe to run concurrently."""
    return len(sync_calendars(claim_due_calendars(), timeout=timeout))


@transaction.atomic
def claim_due_calendars() -> list[Calendar]:
    """Claim and return calendars that are due, so that no other process reads them too."""
    now = database_now()
    due = get_readable_calendars().filter(due_at__lte=now).order_by("due_at")
    return _claim(due, now, due_at=now + CLAIM_LIFETIME)


@transaction.atomic
def claim_calendars(ids: Collection[UUID]) -> list[Calendar]:
    """Claim and return those of the calendars that nobody reads now, or has tried to within SYNC_COOLDOWN."""
    now = database_now()
    idle = Q(last_tried_at__isnull=True) | Q(last_tried_at__lte=now - SYNC_COOLDOWN)
    return _claim(get_readable_calendars().filter(idle, pk__in=ids).order_by("pk"), now)


def _claim(calendars, now, **changes):
    # SKIP LOCKED leaves alone what another process is claiming.
    locked = calendars.select_for_update(skip_locked=True, no_key=True, of=("self",))
    claimed = list(locked.values_list("pk", flat=True)[:BATCH_SIZE])
    Calendar.objects.filter(pk__in=claimed).update(last_tried_at=now, **changes)
    return list(Calendar.objects.filter(pk__in=claimed))


def sync_now(ids: Collection[UUID]) -> dict[UUID, str | None]:
    """Read calendars while somebody waits, and return {id: None, or why it failed}.

    Leaves out the calendars that were tried within SYNC_COOLDOWN.
    """
    return sync_calendars(claim_calendars(ids), timeout=NOW_TIMEOUT, record_failures=False)


def sync_calendar(calendar: Calendar, *, timeout: float = READ_TIMEOUT) -> str | None:
    """Read one calendar now; return None, or the sentence that says why it failed."""
    return sync_calendars([calendar], timeout=timeout)[calendar.pk]


def sync_calendars(
    calendars: Collection[Calendar], *, timeout: float, record_failures: bool = True
) -> dict[UUID, str | None]:
    """Read calendars concurrently, and return {id: None, or why it failed}.

    A calendar that takes longer than ``timeout`` seconds has failed. Without ``record_failures`` a failure is only
    returned: a short timeout says little about a calendar.
    """
    if not calendars:
        return {}
    deadline = time.monotonic() + timeout
    now = database_now()
    failures: dict[UUID, str | None] = dict.fromkeys((calendar.pk for calendar in calendars), get_message(NoTime()))
    scopes = get_scopes(calendars, now)
    pool = ThreadPoolExecutor(min(THREADS, len(calendars)), thread_name_prefix="calendar")
    left = {
        pool.submit(_read_before_deadline, calendar, scopes[calendar.pk], deadline): calendar for calendar in calendars
    }
    try:
        while left and (seconds := deadline - time.monotonic()) > 0:
            done, _ = wait(left, timeout=seconds, return_when="FIRST_COMPLETED")
            for future in done:
                calendar = left.pop(future)
                failures[calendar.pk] = _store_result(calendar, future, scopes, now, record_failures)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for calendar in left.values():
        if record_failures:
            store_failure(calendar, get_message(NoTime()))
    return failures


def _read_before_deadline(calendar, scope, deadline):
    return read_calendar(calendar, scope, timeout=min(READ_TIMEOUT, deadline - time.monotonic()))


def _store_result(calendar, future, scopes, now, record_failures):
    try:
        reading = future.result()
    except (CannotRead, NotPublic, Unreachable) as error:
        failure = error
    except Exception as error:  # noqa: BLE001 (our own fault with one calendar must not keep us from reading the others)
        failure = CannotRead()
        logger.error("calendar %s: %s", calendar.pk, type(error).__name__)
    else:
        store_reading(calendar, reading, scopes[calendar.pk], at=now)
        return None
    if record_failures:
        # Log the id only: the name may be a person's, and the address is a secret.
        logger.warning("calendar %s cannot be read: %s", calendar.pk, type(failure).__name__)
        store_failure(calendar, get_message(failure))
    return get_message(failure)
