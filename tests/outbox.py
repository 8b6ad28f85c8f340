"""Running the outbox here and now, as a worker would."""

from booking.outbox import queue
from booking.outbox.handlers import HANDLERS, attempt


def run_what_is_due():
    """Try every message that is due once, and return how many there were."""
    messages = queue.claim(kinds=HANDLERS)
    queue.settle([attempt(message) for message in messages])
    return len(messages)
