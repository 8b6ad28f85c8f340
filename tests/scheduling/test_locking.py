"""Who changes a clinician's time waits for the others, and knows what time it is afterwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from scheduling.models import WorkingHours
from scheduling.slots import database_now, lock_clinician
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def lock_elsewhere(clinician):
    """Lock the clinician on another connection, and return the time it was given and the time it finished."""
    try:
        with transaction.atomic():
            return lock_clinician(clinician.pk), database_now()
    finally:
        connection.close()


def somebody_waits_for_us():
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
        return cursor.rowcount


def test_the_time_is_that_after_the_wait(dana):
    """A transaction's own ``now()`` would be from before it, and let it confirm what has run out meanwhile."""
    with ThreadPoolExecutor() as elsewhere:
        with transaction.atomic():
            lock_clinician(dana.pk)
            waiting = elsewhere.submit(lock_elsewhere, dana)
            wait_until(somebody_waits_for_us)
            released_at = database_now()
        locked_at, finished_at = waiting.result()

    assert released_at < locked_at < finished_at


def test_rows_that_point_at_the_clinician_are_not_kept_waiting(dana, harbour):
    def give_hours():
        try:
            WorkingHours.objects.create(
                clinician=dana, location=harbour, weekday=0, start_time="06:00", end_time="07:00"
            )
        finally:
            connection.close()

    with ThreadPoolExecutor() as elsewhere, transaction.atomic():
        lock_clinician(dana.pk)
        elsewhere.submit(give_hours).result(timeout=30)
