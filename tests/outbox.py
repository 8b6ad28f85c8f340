"""Run the outbox in this process, as Celery's tasks would."""

from booking.outbox import queue, relay
from booking.outbox.handlers import HANDLERS


def run_what_is_due():
    """Run every due message once, and return their number."""
    return relay.run_due()


def start_what_is_due():
    """Claim and start every due message, and return them for the caller to settle."""
    batches = queue.claim(jobs=list(HANDLERS))
    return [message for batch in batches for message in queue.start(batch.ids, batch.claimed_until)]
