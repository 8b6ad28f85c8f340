"""Offer freed times to who waits for them: each is held for the first whom it suits, and passed on if they let it go.

Nothing tells of a time that it was freed: beat looks every few seconds where somebody waits, and compares what is free
with what was free when they joined. So a cancelled visit, a move, a lapsed hold, new hours and a calendar that is no
longer busy are all found in one way, and booking pays nothing for it. Who looks at the page of times in these seconds
may be quicker; that is rare.

Two constraints decide races: no two slots of a clinician overlap, and no address has two open offers.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Max, OuterRef, Q

from booking.access.patient_links import get_offer_path
from booking.domain.appointments import UNDO_WINDOW
from booking.domain.audit import record_event
from booking.domain.holds import APPOINTMENT_HOLDER, UNLIMITED, Holder, place_hold, release_hold
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.text_messages import send_text
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.domain.waitlist import (
    DAY,
    HOLDER,
    MINUTE,
    WishEnded,
    end_entry,
    find_fitting,
    get_known_start,
    is_wished_moment,
    load_zones,
)
from booking.integrations.sms.appointment_texts import word_offer
from booking.models import Appointment, Event, Hold, TextMessage, Waitlist, WaitlistEntry, WaitlistOffer
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, open_times
from scheduling.lib.clock import database_now
from scheduling.lib.constraints import get_violated_constraint
from scheduling.lib.encrypted_field import encrypt
from scheduling.lib.languages import use_language
from scheduling.models import Clinician, Location
from scheduling.slots import SlotTaken

# When offers are mailed, by the location's clock. What is freed at night is held until the morning.
FIRST_MAIL, LAST_MAIL = time(8), time(20)
SHORTEST_ANSWER = timedelta(minutes=15)  # nobody is offered what they have less time for
MAX_IN_A_ROW = 3  # offers of one freed time: then it is free to all
MAX_UNANSWERED = 3  # offers that one person leaves unanswered: then their wish ends
SEARCH_AGAIN = timedelta(minutes=1)  # what no event tells of is found after that
FREEING = [
    EventKind.APPOINTMENT_CANCELLED,
    EventKind.APPOINTMENT_RESCHEDULED,
    EventKind.HOLD_EXPIRED,
    EventKind.HOLD_MOVED,
    EventKind.HOLD_RELEASED,
]
ANYWHERE = timedelta(hours=12)  # a day is over everywhere so long after it is over in UTC

Status, Outcome = WaitlistEntry.Status, WaitlistOffer.Outcome


class AnswerWindow(NamedTuple):
    """When an offer is mailed, and until when its time is held."""

    mailed_at: datetime
    until: datetime


def get_answer_window(
    now: datetime, zone: ZoneInfo, *, answer_time: timedelta, latest: datetime
) -> AnswerWindow | None:
    """Return the AnswerWindow of a time that must be taken by ``latest``, or None if that is too soon to ask."""
    local = now.astimezone(zone)
    mailed_at = now
    if local.time() < FIRST_MAIL:
        mailed_at = datetime.combine(local.date(), FIRST_MAIL, zone)
    elif local.time() >= LAST_MAIL:
        mailed_at = datetime.combine(local.date() + DAY, FIRST_MAIL, zone)
    until = min(mailed_at + answer_time, latest)
    return AnswerWindow(mailed_at, until) if until - mailed_at >= SHORTEST_ANSWER else None


def offer_freed_times(*, now: datetime | None = None) -> int:
    """Note how earlier offers ended, then hold what was freed for who waits, and return how many offers were made.

    ``now`` is by default the database's. May run at any time and several times at once.
    """
    if not settings.SITE_URL or not WaitlistEntry.objects.filter(status__in=WaitlistEntry.LIVE).exists():
        return 0  # nobody waits, or nobody could be sent the link to what is held for them
    now = now or database_now()
    settle_offers(now=now)
    end_old_wishes(now=now)
    return sum(_offer_times_of(waitlist, now) for waitlist in _list_due(now))


# How offers end


def settle_offers(*, now: datetime) -> None:
    """Note which open offers were taken, declined or left unanswered, and release what is held for who has left."""
    is_over = ~Q(hold__status=Hold.Status.ACTIVE) | Q(hold__expires_at__lte=now) | ~Q(entry__status=Status.WAITING)
    offers = WaitlistOffer.objects.filter(is_over, outcome=Outcome.OPEN).select_related("hold", "entry")
    for offer in offers:
        if offer.hold.is_live(now):
            try:
                release_hold(offer.hold, actor="worker")
            except (WrongState, ChangedMeanwhile):  # taken just now: the next run notes it
                continue
        _end_offer(offer, now)


@transaction.atomic
def _end_offer(offer, now):
    outcome = {Hold.Status.CONFIRMED: Outcome.BOOKED, Hold.Status.RELEASED: Outcome.DECLINED}.get(
        offer.hold.status, Outcome.UNANSWERED
    )
    # The entry before its offers, as when one is made: so the two cannot deadlock.
    entry = WaitlistEntry.objects.select_for_update(no_key=True).get(pk=offer.entry_id)
    is_first = WaitlistOffer.objects.filter(pk=offer.pk, outcome=Outcome.OPEN).update(outcome=outcome)
    if not is_first:
        return
    data = {"hold_id": str(offer.hold_id), "outcome": outcome}
    record_event(entry, EventKind.WAITLIST_OFFER_ENDED, actor="worker", at=now, data=data)
    if outcome == Outcome.BOOKED:
        end_entry(entry, Status.BOOKED, actor="patient")
    elif outcome == Outcome.DECLINED:
        WaitlistEntry.objects.filter(pk=entry.pk).update(unanswered=0)
    else:
        WaitlistEntry.objects.filter(pk=entry.pk).update(unanswered=F("unanswered") + 1)
        if entry.unanswered + 1 >= MAX_UNANSWERED:
            end_entry(entry, Status.UNANSWERED, actor="worker")


def end_old_wishes(*, now: datetime) -> None:
    """End the wishes whose last day is over, and those for something earlier than a visit that no longer waits."""
    last_day = (now - ANYWHERE).date()
    # Of a confirmed one only: of the others a page would tell what became of a visit that waits quietly for its link.
    is_moot = Q(status=Status.WAITING, appointment__isnull=False) & (
        ~Q(appointment__status__in=Appointment.UPCOMING) | Q(appointment__starts_at__lte=now)
    )
    for entry in WaitlistEntry.objects.filter(Q(last_day__lt=last_day) | is_moot, status__in=WaitlistEntry.LIVE):
        end_entry(entry, Status.EXPIRED, actor="worker")


# Who is offered what


def _list_due(now):
    """Return the Waitlists of which somebody waits who has no open offer, and where a time may have been freed."""
    offered = WaitlistOffer.objects.filter(email_id=OuterRef("email_id"), outcome=Outcome.OPEN)
    waiting = WaitlistEntry.objects.filter(~Exists(offered), service=OuterRef("pk"), status=Status.WAITING)
    freed = Event.objects.filter(pk__gt=OuterRef("seen_event_id"), kind__in=FREEING)
    changed = Location.objects.filter(schedule_changed_at__gt=OuterRef("searched_at"))
    is_stale = Q(searched_at=None) | Q(searched_at__lt=now - SEARCH_AGAIN)
    rows = Waitlist.objects.filter(Exists(waiting), service__is_active=True).select_related("service")
    return rows.filter(is_stale | Exists(freed) | Exists(changed))


def _offer_times_of(waitlist, now):
    """Look for freed times of one service, unless another worker does; return how many offers were made."""
    last_event = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    mine = Waitlist.objects.filter(pk=waitlist.pk, searched_at=waitlist.searched_at)
    if not mine.update(searched_at=now, seen_event_id=last_event):
        return 0
    entries = WaitlistEntry.objects.filter(service=waitlist.service, status=Status.WAITING)
    entries = list(entries.select_related("appointment__service", "appointment__location"))
    if not entries:
        return 0
    search = _Search(waitlist, max(entry.last_day for entry in entries), now)
    busy = set(WaitlistOffer.objects.filter(outcome=Outcome.OPEN).values_list("email_id", flat=True))
    made = 0
    for entry in entries:
        search.forget_taken(entry)
        if entry.email_id not in busy and search.offer_first(entry):
            busy.add(entry.email_id)
            made += 1
    return made


def _has_booked(entry):
    """Return whether who waits has booked the service by themselves since, and if so end the wish."""
    if entry.appointment_id:
        return False
    visits = Appointment.objects.filter(service=entry.service, status__in=Appointment.UPCOMING)
    visits = visits.filter(attendee_email__iexact=entry.email, created_at__gt=entry.created_at)
    if has_booked := visits.exclude(verification__in=Appointment.UNPROVEN).exists():
        end_entry(entry, Status.BOOKED, actor="worker")
    return has_booked


class _Search:
    """The free times of a service, and how often each was offered since it was freed."""

    def __init__(self, waitlist: Waitlist, last_day: date, now: datetime) -> None:
        self.waitlist, self.service, self.now = waitlist, waitlist.service, now
        self.zones = load_zones()
        end_at = datetime.combine(last_day + 2 * DAY, time(), now.tzinfo)
        self.by_start: dict[int, list[Opening]] = defaultdict(list)
        undoable = _list_undoable(now)
        for opening in open_times(OpeningFilters(self.service), start_at=now, end_at=end_at, now=now):
            if not any(_overlap(visit, opening) for visit in undoable):
                self.by_start[get_known_start(opening)].append(opening)
        self.local_times: dict[int, list[datetime]] = {}
        self.offers = self._load_offers()

    def _load_offers(self) -> list[WaitlistOffer]:
        """Return the offers in a row, without those of times that somebody has taken since."""
        of_them = {"hold__clinician__services": self.service, "hold__starts_at__gt": self.now}
        offers = list(WaitlistOffer.objects.filter(in_a_row=True, **of_them).select_related("hold"))
        held = [offer.hold for offer in offers if offer.outcome == Outcome.OPEN]
        taken = [
            offer
            for offer in offers
            if offer.hold.service_id == self.service.pk
            and not self._is_open(offer.hold)
            and not any(_overlap(offer.hold, hold) for hold in held)
        ]
        WaitlistOffer.objects.filter(pk__in=[offer.pk for offer in taken]).update(in_a_row=False)
        return [offer for offer in offers if offer not in taken]

    def _is_open(self, hold: Hold) -> bool:
        return any(
            opening.clinician_id == hold.clinician_id and opening.location_id == hold.location_id
            for opening in self.by_start.get(int(hold.starts_at.timestamp()) // MINUTE, [])
        )

    def forget_taken(self, entry: WaitlistEntry) -> None:
        """Let a wish know no start any more that has been taken since: when it is freed again, it is news."""
        known = [start for start in entry.known_starts if any(self._find_fitting(entry, [start]))]
        if len(known) < len(entry.known_starts):
            WaitlistEntry.objects.filter(pk=entry.pk, updated_at=entry.updated_at).update(known_starts=known)
            entry.known_starts = known

    def offer_first(self, entry: WaitlistEntry) -> bool:
        """Offer a wish the first time freed since that suits it and can be held; return whether there was one."""
        news = self._find_fitting(entry, sorted(self.by_start.keys() - entry.known_starts))
        first = next(news, None)
        if first is None or _has_booked(entry):  # most often there is nothing new, and nothing to ask the database
            return False
        own = list(Hold.objects.filter(waitlist_offer__entry=entry))
        for opening in chain([first], news):
            if any(hold.starts_at < opening.ends_at and hold.ends_at > opening.starts_at for hold in own):
                continue  # they did not want it
            if len([offer for offer in self.offers if _overlap(offer.hold, opening)]) >= MAX_IN_A_ROW:
                continue
            window = self._get_window(entry, opening)
            if window and (offer := _offer(entry, opening, window, self.service, self.now)):
                self.offers.append(offer)
                return True
        return False

    def _find_fitting(self, entry: WaitlistEntry, starts: Iterable[int]) -> Iterator[Opening]:
        """Yield the openings at these starts that suit a wish."""
        for start in starts:
            # First, since most starts are at another time of day, or on another day, wherever it is.
            if any(is_wished_moment(entry, local) for local in self._get_local_times(start)):
                yield from find_fitting(entry, self.by_start.get(start, []), self.zones)

    def _get_local_times(self, start: int) -> list[datetime]:
        if start not in self.local_times:
            at = datetime.fromtimestamp(start * MINUTE, UTC)
            self.local_times[start] = [at.astimezone(zone) for zone in set(self.zones.values())]
        return self.local_times[start]

    def _get_window(self, entry: WaitlistEntry, opening: Opening) -> AnswerWindow | None:
        latest = opening.starts_at - self.service.notice
        if entry.appointment:
            latest = min(latest, entry.appointment.cutoff_at)
        zone, answer_time = self.zones[opening.location_id], self.waitlist.answer_time
        return get_answer_window(self.now, zone, answer_time=answer_time, latest=latest)


def _list_undoable(now):
    """Return the visits that staff have cancelled so lately that they may still undo it: their times wait for that."""
    lately = {
        "kind": EventKind.APPOINTMENT_CANCELLED,
        "created_at__gt": now - UNDO_WINDOW,
        "actor__startswith": "staff:",
    }
    cancelled = list(Event.objects.filter(**lately).values_list("subject_id", flat=True))
    return list(Appointment.objects.filter(pk__in=cancelled, status=Appointment.Status.CANCELLED)) if cancelled else []


def _overlap(hold, other):
    is_same_person = hold.clinician_id == other.clinician_id
    return is_same_person and hold.starts_at < other.ends_at and hold.ends_at > other.starts_at


def _offer(entry, opening, window, service, now):
    """Hold an opening for a wish and have that mailed; return the WaitlistOffer, or None if another was quicker."""
    try:
        return _hold_and_tell(entry, opening, window, service, now)
    except (SlotTaken, NotOffered, WishEnded):
        return None
    except IntegrityError as error:
        if get_violated_constraint(error) != WaitlistOffer.ONE_OFFER_AT_ONCE:
            raise
        return None


@transaction.atomic
def _hold_and_tell(entry, opening, window, service, now):
    # What is held for an appointment is for that one alone, as what its patient holds.
    holder = f"{APPOINTMENT_HOLDER}{entry.appointment_id}" if entry.appointment_id else f"{HOLDER}{entry.pk}"
    hold = place_hold(
        OpeningRequest(
            service,
            opening.starts_at,
            Clinician.objects.get(pk=opening.clinician_id),
            Location.objects.get(pk=opening.location_id),
            opening.is_remote,
        ),
        holder=Holder(holder),
        actor="worker",
        limits=UNLIMITED,
        lifetime=window.until - now,
    )
    # Behind the clinician's lock, as everywhere: who has left meanwhile is offered nothing.
    locked = WaitlistEntry.objects.select_for_update(no_key=True).filter(pk=entry.pk, status=Status.WAITING)
    if not locked:
        raise WishEnded
    # Whoever needs more time for the form has as much as anybody. They have proved one address; others wait for a link.
    hold.lifetime = timedelta(seconds=hold.location.hold_seconds)
    if not entry.appointment_id:
        hold.verified_email, hold.must_verify = entry.email_id, True
    hold.save(update_fields=["lifetime", "verified_email", "must_verify", "updated_at"])
    offer = WaitlistOffer.objects.create(entry=entry, hold=hold, email_id=entry.email_id)
    data = {"hold_id": str(hold.pk), "starts_at": hold.local_start.isoformat(), "until": hold.expires_at.isoformat()}
    record_event(entry, EventKind.WAITLIST_OFFERED, actor="worker", at=now, data=data)
    _tell(entry, offer, window)
    return offer


def _tell(entry, offer, window):
    """Have an offer sent: by e-mail, and by text where that number may be texted."""
    hold = offer.hold
    token = encrypt(hold.token)  # whoever reads the outbox must not take the time
    queue.enqueue(Job.EMAIL_WAITLIST_OFFER, due_at=window.mailed_at, entry=entry.pk, offer=offer.pk, token=token)
    if entry.phone:
        with use_language(entry.language):
            body = word_offer(hold, link=settings.SITE_URL + get_offer_path(entry, hold.token))
        send_text(
            entry.phone,
            body,
            purpose=TextMessage.Purpose.OFFER,
            appointment=entry.appointment,
            due_at=window.mailed_at,
            expires_at=window.until,
        )


def find_open_offer(entry: WaitlistEntry) -> WaitlistOffer | None:
    """Return the offer that a wish has now, with its hold, or None."""
    offers = WaitlistOffer.objects.filter(entry=entry, outcome=Outcome.OPEN)
    offers = offers.select_related("hold__service", "hold__clinician", "hold__location")
    return next((offer for offer in offers if offer.hold.is_live(database_now())), None)


def decline_offer(entry: WaitlistEntry, *, actor: str = "patient") -> None:
    """Give back what is held for a wish, if anything is: it is passed on at once. Idempotent."""
    if offer := find_open_offer(entry):
        release_hold(offer.hold, actor=actor)
