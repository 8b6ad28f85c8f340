"""Who does the outbox's jobs."""

from booking.models.enums import Job
from booking.outbox.handlers import HANDLERS


def test_every_job_has_a_handler():
    assert set(HANDLERS) == set(Job)
