"""Who does the outbox's jobs."""

from booking.models.enums import Job
from booking.outbox.handlers import HANDLERS


def test_handlers_cover_all_jobs():
    assert set(HANDLERS) == set(Job)
