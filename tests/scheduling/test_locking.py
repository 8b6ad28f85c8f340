"""Who changes a clinician's time waits for the others, and knows what time it is afterwards."""

from django.db import transaction

from scheduling.lib.clock import database_now
from scheduling.models import WorkingHours
from scheduling.slots import lock_clinician
from tests.waiting import somebody_waits_for_us, wait_until


@transaction.atomic
def lock(clinician):
    """Lock the clinician, and return the time it was given and the time it finished."""
    return lock_clinician(clinician.pk), database_now()


def test_lock_clinicians_returns_time_after_wait(elsewhere, dana):
    """``now()`` is frozen at BEGIN and would let a transaction that waited confirm an expired hold."""
    with transaction.atomic():
        lock_clinician(dana.pk)
        waiting = elsewhere(lock, dana)
        wait_until(somebody_waits_for_us)
        released_at = database_now()
    locked_at, finished_at = waiting.result(30)

    assert released_at < locked_at < finished_at


def test_lock_clinicians_does_not_block_inserts_of_referring_rows(elsewhere, dana, harbour):
    hours = {"clinician": dana, "location": harbour, "weekday": 0, "start_time": "06:00", "end_time": "07:00"}

    with transaction.atomic():
        lock_clinician(dana.pk)
        elsewhere(WorkingHours.objects.create, **hours).result(30)
