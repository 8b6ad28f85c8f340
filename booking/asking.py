"""Asking another system for a booking while it is still a hold, without a transaction that waits for the answer.

The hold has the id that the appointment will have, so asking twice books once. In three steps: what is asked is
written down, with a message that takes it back unless an appointment comes of it (booking/answering.py does
that); then the provider is asked; then confirm_hold makes of its Acknowledgement an appointment.
"""

import time
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction

from scheduling.slots import database_now, prolong_slot

from . import outbox
from .confirming import MustAsk, confirm_hold
from .events import latest_sequence, record
from .holds import check_live
from .models import Acknowledgement, Appointment, Event, Hold
from .providers import kind_of
from .providers.base import Answer, Attendee, NotAnswered
from .states import ChangedMeanwhile, lock_booking

# A caller that has not come back by then, after its wait, has died.
GRACE = timedelta(seconds=10)
# Between two tries in one wait.
PAUSE = 0.25
# So often asking makes a hold last longer: nobody keeps a time by asking for it again and again.
MOST_PROLONGED = 5

Status = Appointment.Status


class ProviderRefused(Exception):
    """The provider has refused that booking."""


class ProviderUnavailable(Exception):
    """The provider has not answered in time."""


class Patience(NamedTuple):
    """How long a caller waits for an answer: ``sync`` now. With ``is_async`` the appointment is pending after
    that, for as long as ``answer_within`` says (None: as the provider is set)."""

    sync: timedelta = timedelta(seconds=2.5)
    is_async: bool = False
    answer_within: timedelta | None = None


def ask(hold, provider, *, patient, by, attendee=None, patience=Patience()):  # noqa: B008 (it is immutable)
    """Ask the provider whether it agrees to a live hold, and return the Acknowledgement for confirm_hold.

    Takes ``patience.sync``, so call it outside any transaction. ``patient`` and ``attendee`` are as for
    confirm_hold. Returns None for a hold that is confirmed already. Raises ProviderRefused or
    ProviderUnavailable, and then the hold lives on; HoldExpired or HoldNotFound.
    """
    asked = _write_down(hold, provider, within=patience.sync, by=by)
    if asked is None:
        return None
    answer = _answer_of(provider, hold, Attendee.of(patient, attendee), asked, patience)
    if answer.status == "refused":
        raise ProviderRefused
    if answer.status != Status.PENDING:
        return Acknowledgement(answer.status, provider, answer.reference, asked=asked)
    if not patience.is_async:
        raise ProviderUnavailable
    answer_by = database_now() + (patience.answer_within or provider.answer_within)
    return Acknowledgement(
        Status.PENDING, provider, answer.reference, answer_by=min(answer_by, hold.starts_at), asked=asked
    )


def confirm(hold, *, patience=Patience(), **details):  # noqa: B008
    """Confirm a hold as confirm_hold does, after asking its provider if there is one to ask.

    Not to be called in a transaction. Raises ProviderRefused and ProviderUnavailable too.
    """
    try:
        return confirm_hold(hold, answer_within=patience.answer_within, **details)
    except MustAsk as must:
        known = {name: details[name] for name in ("patient", "by", "attendee") if name in details}
        acknowledged = ask(hold, must.provider, patience=patience, **known)
    try:
        return confirm_hold(hold, acknowledged=acknowledged, **details)
    except ChangedMeanwhile as error:
        raise ProviderUnavailable from error


@transaction.atomic
def _write_down(hold, provider, *, within, by):
    """Record that the provider is being asked and return the event's sequence; None if it is confirmed already."""
    now = lock_booking(hold)
    if hold.status == Hold.Status.CONFIRMED:
        return None
    check_live(hold, now)
    until = now + within + GRACE
    times = Event.objects.filter(booking_id=hold.pk, kind="provider.asked").count()
    if hold.expires_at < until and times < MOST_PROLONGED:
        hold.expires_at = until
        hold.save(update_fields=["expires_at", "updated_at"])
        prolong_slot(hold.slot_id, expires_at=until)
    record(hold, "provider.asked", by=by, at=now, data={"provider": provider.slug})
    asked = latest_sequence(hold.pk)
    outbox.enqueue("provider.take_back", due_at=until, hold=hold.pk, provider=provider.pk, asked=asked)
    return asked


def _answer_of(provider, hold, attendee, asked, patience):
    """Return the provider's Answer, pending if it has none by the end of the wait."""
    deadline = time.monotonic() + patience.sync.total_seconds()
    while True:
        try:
            answer = kind_of(provider).ask(
                provider, hold, attendee, version=asked, within=deadline - time.monotonic()
            )
        except NotAnswered:
            answer = Answer(Status.PENDING)
        is_last = patience.is_async or deadline - time.monotonic() < 2 * PAUSE
        if answer.status != Status.PENDING or is_last:
            return answer
        time.sleep(PAUSE)
