"""All that a verb may write, as whole rows: to compare, and to see that a refusal changed nothing."""

from contextlib import contextmanager
from datetime import timedelta

from booking.models import Appointment, Event, Hold, Order, OutboxMessage, WebhookEndpoint
from patients.models import Patient, PossibleDuplicate
from scheduling.lib.clock import database_now
from scheduling.models import Slot

LEDGER = [Hold, Appointment, Event, Order, OutboxMessage, WebhookEndpoint, Slot, Patient, PossibleDuplicate]


def rows(model):
    """The rows of a table as dicts, in the order of their keys."""
    return list(model.objects.order_by("pk").values())


def everything():
    return {model.__name__: rows(model) for model in LEDGER}


@contextmanager
def nothing_changes():
    """What happens within leaves every table as it was."""
    before = everything()
    yield
    assert everything() == before


def lapse(hold):
    """Let a hold have run out a moment ago, as if its time had passed. Nobody has marked it yet."""
    past = database_now() - timedelta(milliseconds=1)
    Hold.objects.filter(pk=hold.pk).update(expires_at=past)
    Slot.objects.filter(pk=hold.slot_id).update(expires_at=past)
    hold.expires_at = past
