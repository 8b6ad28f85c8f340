"""Booking in one step, for a caller who knows the patient already."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction

from booking.domain.approvals import (
    DEFAULT_TIMEOUTS,
    GRACE,
    Approval,
    ApprovalTimeouts,
    ProviderRefused,
    ProviderUnavailable,
    obtain_approval,
)
from booking.domain.confirmation import confirm_hold
from booking.domain.holds import UNLIMITED, Holder, place_hold, release_hold
from booking.domain.orders import check_not_booked
from booking.domain.slot_selection import NotOffered, OpeningRequest, book_first_available
from booking.domain.transitions import HoldExpired
from booking.integrations.approvers import get_approver, get_provider, is_any_remote
from booking.models import Appointment, Hold, Order
from patients.models import Patient
from scheduling.availability.search import Reason
from scheduling.lib.clock import database_now
from scheduling.slots import SlotTaken


def find_local_approval(opening: OpeningRequest) -> Approval | None:
    """Return the Approval of an opening that nobody but the clinic has to give, or None.

    None also where the location is left open and another system is responsible at any: hold_for_approval then finds
    out who is, once a time is held.
    """
    if opening.location:
        provider = get_provider(opening.service.pk, opening.location.pk)
        return None if get_approver(provider).is_remote else Approval(provider)
    return None if is_any_remote() else Approval(is_open=True)


@transaction.atomic
def book_directly(
    opening: OpeningRequest,
    *,
    patient: Patient,
    actor: str,
    holder: Holder,
    order: Order | None = None,
    notes: str = "",
    wants_reminders: bool = False,
    external_id: str = "",
    metadata: dict | None = None,
    attendee: dict | None = None,
    approval: Approval | None = None,
    answer_within: timedelta | None = None,
    must_be_free: bool = False,
    id: UUID | None = None,
) -> Appointment:
    """Book an opening at once, perhaps for an order, and return the Appointment.

    The arguments are as for place_hold and confirm_hold. Raises SlotTaken, NotOffered, PatientArchived, PatientBusy,
    OrderBooked or ProviderUnavailable, and then nothing has changed. Of two that book an order the database lets one
    through.
    """
    if order:
        check_not_booked(order, next_clinician_id=opening.clinician.pk)  # pyright: ignore[reportOptionalMemberAccess]
    hold = place_hold(opening, holder=holder, actor=actor, limits=UNLIMITED, order=order, id=id)
    try:
        return confirm_hold(
            hold,
            patient=patient,
            actor=actor,
            notes=notes,
            wants_reminders=wants_reminders,
            external_id=external_id,
            metadata=metadata,
            attendee=attendee,
            approval=approval,
            answer_within=answer_within,
            must_be_free=must_be_free,
        )
    except HoldExpired as error:  # it has begun since the lines above
        raise NotOffered([Reason.TOO_SOON]) from error


def hold_for_approval(
    opening: OpeningRequest,
    *,
    patient: Patient,
    actor: str,
    holder: Holder,
    timeouts: ApprovalTimeouts = DEFAULT_TIMEOUTS,
    attendee: dict | None = None,
    order: Order | None = None,
    must_be_free: bool = False,
    id: UUID | None = None,
) -> tuple[Hold, Approval]:
    """Hold an opening for as long as it takes to obtain its approval; return both, for confirm_hold.

    Not to be called in a transaction. With an ``id``, a request that is sent again finds the hold that it placed
    before. Raises SlotTaken, NotOffered, OrderBooked, PatientBusy for an order, and what obtain_approval raises; then
    nothing is held, except where nobody has answered a request with an ``id``: its hold is left to run out, in case it
    is sent again.
    """
    hold = find_earlier_hold(id, holder)
    if hold is None:
        if order:
            check_not_booked(order)
        lifetime = timeouts.sync + GRACE
        placing = {"actor": actor, "order": order, "must_be_free": must_be_free, "lifetime": lifetime}
        hold = _place(opening, holder=holder, id=id, **placing)
    try:
        return hold, obtain_approval(hold, patient=patient, attendee=attendee, timeouts=timeouts, actor=actor)
    except (ProviderRefused, ProviderUnavailable) as error:
        can_be_resumed = isinstance(error, ProviderUnavailable) and hold.pk == id
        if not can_be_resumed:
            release_hold(hold, actor=actor)
        raise


def find_earlier_hold(id: UUID | None, holder: Holder) -> Hold | None:
    """Return the hold with that id if ``holder`` has placed it and it lives or is confirmed, else None."""
    holds = Hold.objects.select_related("service", "location")
    hold = holds.filter(pk=id, holder=holder.id).first() if id else None
    return hold if hold and (hold.status == Hold.Status.CONFIRMED or hold.is_live(database_now())) else None


def _place(opening, *, holder, id, **details):
    new_id = id
    if id and Hold.objects.filter(pk=id).exists():
        if hold := find_earlier_hold(id, holder):  # placed a moment ago by a concurrent duplicate of the request
            return hold
        new_id = None  # that one has lapsed, and keeps its id
    place = partial(place_hold, holder=holder, limits=UNLIMITED, id=new_id, **details)
    try:
        return book_first_available(place, opening)
    except (SlotTaken, IntegrityError):
        if hold := find_earlier_hold(id, holder):  # or while this one waited
            return hold
        raise


def book_with_approval(
    opening: OpeningRequest,
    *,
    patient: Patient,
    actor: str,
    holder: Holder,
    timeouts: ApprovalTimeouts = DEFAULT_TIMEOUTS,
    notes: str = "",
    must_be_free: bool = False,
    id: UUID | None = None,
) -> Appointment:
    """Book an opening at once, after asking for approval where another system must approve; return the Appointment.

    Not to be called in a transaction. Raises what book_directly and hold_for_approval raise.
    """
    details = {"patient": patient, "actor": actor, "must_be_free": must_be_free}
    last = {**details, "notes": notes, "answer_within": timeouts.answer_within}
    if approval := find_local_approval(opening):
        return book_first_available(partial(book_directly, holder=holder, approval=approval, id=id, **last), opening)
    hold, approval = hold_for_approval(opening, holder=holder, timeouts=timeouts, id=id, **details)
    return confirm_hold(hold, approval=approval, **last)
