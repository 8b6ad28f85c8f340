"""Hold other times for the patient of a stranded visit, until they take one or none: the old visit stays so long.

The times are held as those of the waiting list are, and for as long: waitlist_offers says when patients are written to.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction

from booking.access.patient_links import get_stranded_path
from booking.domain.audit import record_event
from booking.domain.holds import UNLIMITED, Holder, place_hold, release_hold
from booking.domain.rescheduling import reschedule_to_hold
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.stranded_visits import AlreadySettled
from booking.domain.text_messages import send_text
from booking.domain.transitions import ChangedMeanwhile, HoldNotFound, WrongState
from booking.domain.waitlist_offers import AnswerWindow, get_answer_window
from booking.integrations.sms.appointment_texts import word_stranded_offer
from booking.models import Appointment, Hold, StrandedOffer, StrandedVisit, TextMessage, Waitlist
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from scheduling.lib.clock import database_now
from scheduling.lib.languages import use_language
from scheduling.slots import SlotTaken, lock_clinicians

# Not the holder of what the patient picks from the free times by themselves: they may pick as many as anybody.
HOLDER = "stranded:"  # and the visit's id
MAX_OFFERED = 4  # the same time with another clinician, and three others


class NothingToOffer(Exception):
    """None of the times could be held."""

    message = "None of these times is free any more."


class NoContact(Exception):
    """There is no address or number that the offer could be sent to."""

    message = "There is no way to write to the patient."


@transaction.atomic
def offer_times(
    visit: StrandedVisit,
    openings: Sequence[OpeningRequest],
    *,
    actor: str,
    by_email: bool = True,
    by_text: bool = False,
) -> list[Hold]:
    """Hold up to MAX_OFFERED openings for a visit's patient, have them written to, and return the Holds.

    What was taken by somebody else is left out. Release earlier offers before: they are not looked at here. Raises
    AlreadySettled, NoContact or NothingToOffer, and then nothing is held.
    """
    openings, appointment = openings[:MAX_OFFERED], visit.appointment
    may_mail, may_text = by_email and appointment.attendee_email, by_text and appointment.attendee_phone
    if not settings.SITE_URL or not (may_mail or may_text):
        raise NoContact
    offered = [each.clinician.pk for each in openings]  # pyright: ignore[reportOptionalMemberAccess]
    lock_clinicians(appointment.clinician_id, *offered)
    # Behind the locks: whoever settles it is first, or finds the offer.
    appointment.refresh_from_db()
    if appointment.status not in Appointment.UPCOMING or not _is_open(visit):
        raise AlreadySettled
    now = database_now()
    held = [each for each in (_hold(visit, opening, actor, now) for opening in openings) if each]
    if not held:
        raise NothingToOffer
    holds, mailed_at = [hold for hold, _window in held], min(window.mailed_at for _hold, window in held)
    StrandedOffer.objects.bulk_create([StrandedOffer(visit=visit, hold=hold) for hold in holds])
    data = {"hold_ids": [str(hold.pk) for hold in holds]}
    record_event(appointment, EventKind.APPOINTMENT_OFFERED, actor=actor, at=now, data=data)
    if may_mail:
        queue.enqueue(
            Job.EMAIL_STRANDED_OFFER, due_at=mailed_at, appointment=appointment.pk, visit=visit.pk, first=holds[0].pk
        )
    if not may_text:
        return holds
    with use_language(appointment.language):
        body = word_stranded_offer(appointment, holds, link=settings.SITE_URL + get_stranded_path(visit))
    purpose, until = TextMessage.Purpose.OFFER, max(hold.expires_at for hold in holds)
    text = send_text(
        appointment.attendee_phone, body, purpose=purpose, appointment=appointment, due_at=mailed_at, expires_at=until
    )
    if text is None and not may_mail:
        raise NoContact
    return holds


def _is_open(visit):
    return StrandedVisit.objects.filter(pk=visit.pk, settled_at=None).exists()


def _hold(visit, opening, actor, now) -> tuple[Hold, AnswerWindow] | None:
    """Return a Hold and its AnswerWindow; None if it is too late to ask for it, or somebody else was quicker."""
    window = get_window(opening, now=now)
    if window is None:
        return None
    try:
        hold = place_hold(
            opening,
            holder=Holder(f"{HOLDER}{visit.pk}"),
            actor=actor,
            limits=UNLIMITED,
            lifetime=window.until - now,
        )
    except (SlotTaken, NotOffered):
        return None
    return hold, window


def get_window(opening: OpeningRequest, *, now: datetime) -> AnswerWindow | None:
    """Return when an opening would be offered and until when it is held, or None if that is too short."""
    service = opening.service
    zone = opening.location.zone  # pyright: ignore[reportOptionalMemberAccess]
    waitlist = Waitlist.objects.filter(service=service).first() or Waitlist(service=service)
    latest = opening.starts_at - service.notice
    return get_answer_window(now, zone, answer_time=waitlist.answer_time, latest=latest)


def list_open_offers(visit: StrandedVisit) -> list[Hold]:
    """Return what is held for a visit's patient now, the earliest first."""
    now = database_now()
    holds = Hold.objects.filter(stranded_offer__visit=visit, status=Hold.Status.ACTIVE, expires_at__gt=now)
    return list(holds.select_related("service", "clinician", "location").order_by("starts_at", "pk"))


def accept_offer(visit: StrandedVisit, hold: Hold, *, actor: str = "patient") -> None:
    """Move a stranded visit to an offered time, and release the others.

    Idempotent for a time that it has moved to. Raises AlreadySettled once something else became of it, else like
    reschedule_to_hold; and then the visit is as it was.
    """
    appointment = visit.appointment
    if hold.status == Hold.Status.CONFIRMED and hold.slot_id == appointment.slot_id:
        return
    if not _is_open(visit):
        raise AlreadySettled
    reschedule_to_hold(appointment, hold, actor=actor)
    release_offers(visit, actor=actor)


def decline_offers(visit: StrandedVisit, *, actor: str = "patient") -> None:
    """Give back all that is held for a visit's patient: none of it suits. The visit stays marked. Idempotent."""
    release_offers(visit, actor=actor)


def release_offers(visit: StrandedVisit, *, actor: str) -> None:
    """Release what is held for a visit, each in a transaction of its own: their clinicians are locked one by one."""
    for hold in list_open_offers(visit):
        _release(hold, actor)


def release_moot_offers() -> int:
    """Release what is held for visits that were settled otherwise; return how many there were. Beat runs it."""
    holds = Hold.objects.filter(
        status=Hold.Status.ACTIVE, expires_at__gt=database_now(), stranded_offer__visit__settled_at__isnull=False
    )
    return sum(map(partial(_release, actor="worker"), holds.select_related("location")))


def _release(hold, actor):
    try:
        release_hold(hold, actor=actor)
    except (WrongState, ChangedMeanwhile, HoldNotFound):  # taken just now
        return False
    return True
