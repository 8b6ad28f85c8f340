"""Running the outbox here and now, as Celery's tasks would."""

from booking.outbox import queue, relay
from booking.outbox.handlers import HANDLERS


def run_what_is_due():
    """Try every message that is due once, and return how many there were."""
    return relay.run_due()


def start_what_is_due():
    """Claim and start every message that is due, and return them; they are to be settled."""
    batches = queue.claim(jobs=list(HANDLERS))
    return [message for batch in batches for message in queue.start(batch.ids, batch.claimed_until)]
