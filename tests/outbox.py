"""Running the outbox here and now, as a worker would."""

from booking import outbox
from booking.handlers import HANDLERS, attempt


def run_what_is_due():
    """Try every message that is due once, and return how many there were."""
    messages = outbox.claim(kinds=HANDLERS)
    outbox.settle([attempt(message) for message in messages])
    return len(messages)
