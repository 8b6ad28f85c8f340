"""Keeps clinicians' busy time as their own calendars have it: what is due, and what is asked for now.

Calendars are read by threads, outside of any transaction; what they say is written here, one calendar at a time.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from scheduling.calendars.base import CannotRead, NoTime
from scheduling.calendars.reading import get_message, read
from scheduling.calendars.scope import list_scopes
from scheduling.calendars.storing import calendars_to_read, store_failure, store_reading
from scheduling.lib.clock import database_now
from scheduling.lib.safe_http import NotPublic, Unreachable
from scheduling.models import Calendar

logger = logging.getLogger(__name__)

RECENT = timedelta(seconds=10)  # what was asked so short a time ago is not asked again
CLAIM = timedelta(seconds=60)  # longer than sync_due_calendars takes
BATCH = 100
THREADS = 16

READ_TIMEOUT = 20  # seconds for one calendar
DUE_TIMEOUT = 40  # for all that are due at a time
NOW_TIMEOUT = 2.0  # while somebody waits for free times


def sync_due_calendars(*, timeout=DUE_TIMEOUT):
    """Read the calendars that are due, and return how many there were. Any number of these may run at once."""
    return len(sync_together(claim_due(), timeout=timeout))


@transaction.atomic
def claim_due():
    now = database_now()
    due = calendars_to_read().filter(due_at__lte=now).order_by("due_at")
    return _claim(due, now, due_at=now + CLAIM)


@transaction.atomic
def claim_for_now(ids):
    """Claim those of the calendars that nobody has asked, or is asking, a moment ago."""
    now = database_now()
    idle = Q(last_tried_at__isnull=True) | Q(last_tried_at__lte=now - RECENT)
    return _claim(calendars_to_read().filter(idle, pk__in=ids).order_by("pk"), now)


def _claim(calendars, now, **changes):
    # SKIP LOCKED: what another has at hand just now is theirs to read.
    locked = calendars.select_for_update(skip_locked=True, no_key=True)
    claimed = list(locked.values_list("pk", flat=True)[:BATCH])
    Calendar.objects.filter(pk__in=claimed).update(last_tried_at=now, **changes)
    return list(Calendar.objects.filter(pk__in=claimed))


def sync_now(ids):
    """Read calendars for somebody who waits, and return {id: why that failed}, None where it did not.

    What was asked for a moment ago is not asked for again, and is not in the answer.
    """
    return sync_together(claim_for_now(ids), timeout=NOW_TIMEOUT, counting=False)


def sync_calendar(calendar, *, timeout=READ_TIMEOUT):
    """Read one calendar now; return None, or the sentence that says why that failed."""
    return sync_together([calendar], timeout=timeout)[calendar.pk]


def sync_together(calendars, *, timeout, counting=True):
    """Read calendars all at once, and return {id: None, or why it failed}.

    Those that have not answered ``timeout`` as many seconds have failed. Without ``counting`` a failure
    is only returned: that somebody would not wait long says little about a calendar.
    """
    if not calendars:
        return {}
    deadline = time.monotonic() + timeout
    now = database_now()
    failures = dict.fromkeys((calendar.pk for calendar in calendars), get_message(NoTime()))
    scopes = list_scopes(calendars, now)
    pool = ThreadPoolExecutor(min(THREADS, len(calendars)), thread_name_prefix="calendar")
    left = {
        pool.submit(_read_within, calendar, scopes[calendar.clinician_id], deadline): calendar for calendar in calendars
    }
    try:
        while left and (seconds := deadline - time.monotonic()) > 0:
            done, _ = wait(left, timeout=seconds, return_when="FIRST_COMPLETED")
            for future in done:
                calendar = left.pop(future)
                failures[calendar.pk] = _store_result(calendar, future, scopes, now, counting)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for calendar in left.values():
        if counting:
            store_failure(calendar, failures[calendar.pk])
    return failures


def _read_within(calendar, scope, deadline):
    return read(calendar, scope, timeout=min(READ_TIMEOUT, deadline - time.monotonic()))


def _store_result(calendar, future, scopes, now, counting):
    try:
        reading = future.result()
    except (CannotRead, NotPublic, Unreachable) as error:
        failure = error
    except Exception as error:  # noqa: BLE001 (a fault of ours with one calendar must not keep the others from us)
        failure = CannotRead()
        logger.error("calendar %s: %s", calendar.pk, type(error).__name__)
    else:
        store_reading(calendar, reading, scopes[calendar.clinician_id], at=now)
        return None
    if counting:
        # By its id: its name may be a person's, and its address is a secret.
        logger.warning("calendar %s cannot be read: %s", calendar.pk, type(failure).__name__)
        store_failure(calendar, get_message(failure))
    return get_message(failure)
