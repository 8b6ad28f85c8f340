"""Snapshots of every table, to assert what a verb wrote, or that a refusal wrote nothing."""

from contextlib import contextmanager
from datetime import timedelta

from booking.models import Appointment, Event, Hold, Order, OutboxMessage, PatientDraft, WebhookEndpoint
from patients.models import Patient, PossibleDuplicate
from scheduling.lib.clock import database_now
from scheduling.models import ExtraHours, Slot, TimeOff, WorkingHours

LEDGER = [
    Hold,
    Appointment,
    Event,
    Order,
    OutboxMessage,
    PatientDraft,
    WebhookEndpoint,
    Slot,
    Patient,
    PossibleDuplicate,
    WorkingHours,
    ExtraHours,
    TimeOff,
]


def rows(model):
    """Return the rows of a table as dicts, ordered by primary key."""
    return list(model.objects.order_by("pk").values())


def everything():
    return {model.__name__: rows(model) for model in LEDGER}


@contextmanager
def nothing_changes():
    """Assert that the block changes no table."""
    before = everything()
    yield
    assert everything() == before


def begin(appointment):
    """Let an appointment have begun a minute ago, and return it."""
    now, minute = database_now(), timedelta(minutes=1)
    Appointment.objects.filter(pk=appointment.pk).update(starts_at=now - minute, ends_at=now + 29 * minute)
    appointment.refresh_from_db()
    return appointment


def lapse(hold):
    """Let a hold lapse a moment ago, not yet marked as expired."""
    past = database_now() - timedelta(milliseconds=1)
    Hold.objects.filter(pk=hold.pk).update(expires_at=past)
    Slot.objects.filter(pk=hold.slot_id).update(expires_at=past)
    hold.expires_at = past
