"""Booking in one step, for a caller who knows the patient already."""

from functools import partial

from django.db import IntegrityError, transaction

from booking.domain.approvals import GRACE, ProviderRefused, ProviderUnavailable, request_approval
from booking.domain.holds import confirm_hold, place_hold, release_hold
from booking.domain.slot_selection import book_first_available
from booking.integrations.approvers import get_provider, is_outside
from booking.models import Hold
from scheduling.lib.clock import database_now
from scheduling.slots import SlotTaken


@transaction.atomic
def book_directly(*, patient, actor, holder, notes="", attendee=None, answer_within=None, **opening):
    """Book an opening at once and return the Appointment; takes what place_hold and confirm_hold take.

    Raises SlotTaken, NotOffered, PatientArchived or MustAsk, and then nothing has changed.
    """
    hold = place_hold(holder=holder, actor=actor, limit=None, **opening)
    return confirm_hold(hold, patient=patient, actor=actor, notes=notes, attendee=attendee, answer_within=answer_within)


def hold_and_ask(*, opening, patient, actor, holder, timeouts, attendee=None, order=None, id=None):
    """Hold an opening for as long as it takes to ask its provider for it; return the Hold and the Acknowledgement.

    For where book_directly raises MustAsk; not to be called in a transaction. ``opening`` is as for
    with_first_free, ``timeouts`` as for ask. With an ``id``, a request that is sent again goes on with the hold
    that it has placed before. Raises SlotTaken and NotOffered, and what ask raises; then nothing is held, except
    where nobody has answered a request with an ``id``: its hold is left to run out, in case it is sent again.
    """
    hold = placed_before(id, holder) or _place(
        opening, holder=holder, actor=actor, order=order, id=id, lifetime=timeouts.sync + GRACE
    )
    provider = get_provider(hold.service_id, hold.location_id)
    if not is_outside(provider):
        return hold, None
    try:
        return hold, request_approval(
            hold, provider, patient=patient, attendee=attendee, timeouts=timeouts, actor=actor
        )
    except (ProviderRefused, ProviderUnavailable) as error:
        is_gone_on_with = isinstance(error, ProviderUnavailable) and hold.pk == id
        if not is_gone_on_with:
            release_hold(hold, actor=actor)
        raise


def placed_before(id, holder):
    """Return the hold with that id if ``holder`` has placed it and it lives or is confirmed, else None."""
    holds = Hold.objects.select_related("service", "location")
    hold = holds.filter(pk=id, holder=holder).first() if id else None
    return hold if hold and (hold.status == Hold.Status.CONFIRMED or hold.is_live(database_now())) else None


def _place(opening, *, holder, id, **details):
    if id and Hold.objects.filter(pk=id).exists():  # it was placed before and is no more
        id = None
    place = partial(place_hold, service=opening["service"], holder=holder, limit=None, id=id, **details)
    try:
        return book_first_available(place, **opening)
    except (SlotTaken, IntegrityError):
        # Perhaps by the same request, sent twice at once.
        if hold := placed_before(id, holder):
            return hold
        raise
