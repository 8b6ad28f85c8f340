"""Find other times for stranded visits: the same time with another clinician, or the nearest others."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from booking.domain.slot_selection import OpeningRequest
from booking.domain.stranded_offers import get_window
from booking.models import Appointment, StrandedVisit
from scheduling.availability.openings import as_instant
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, open_times
from scheduling.models import Clinician, Location

SEARCH_AHEAD = timedelta(days=28)  # beyond the last visit
APART = 2 * 3600  # seconds between the starts that one patient may choose from
MAX_OTHERS = 3


@dataclass(frozen=True)
class Wish:
    """Which openings are looked for: the same time with another clinician, and how many other times, with whom."""

    same_time: bool = True
    others: int = MAX_OTHERS
    keeps_clinician: bool = False
    clinician_id: str | None = None
    at_short_notice: bool = False  # whoever plans a move may override the service's notice


class People(NamedTuple):
    """Clinicians and locations by id."""

    clinicians: dict[UUID, Clinician]
    locations: dict[UUID, Location]

    @classmethod
    def load(cls) -> "People":
        return cls(Clinician.objects.in_bulk(), Location.objects.in_bulk())


class OpeningFinder:
    """The openings of the visits' services, each given to one visit only."""

    def __init__(self, visits: Sequence[StrandedVisit], wish: Wish, *, now: datetime) -> None:
        self.now, self.wish = now, wish
        self.given: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
        appointments = [visit.appointment for visit in visits]
        self.last = max((each.starts_at for each in appointments), default=now) + SEARCH_AHEAD
        self.people = People.load()
        self.openings: dict[UUID, list[Opening]] = {}

    def _load(self, service):
        if service.pk not in self.openings:
            asked = copy(service)
            if self.wish.at_short_notice:
                asked.notice = timedelta()
            found = open_times(OpeningFilters(asked), start_at=self.now, end_at=self.last, now=self.now)
            self.openings[service.pk] = found
        return self.openings[service.pk]

    def find_same_time(
        self, appointment: Appointment, clinician_id: str | None, *, is_offer: bool = True
    ) -> list[Opening]:
        """Return the opening at an appointment's own time with another clinician, as a list of one or none."""
        openings, start = self._load(appointment.service), as_instant(appointment.starts_at)
        at = bisect_left(openings, start, key=lambda opening: opening.start)
        while at < len(openings) and openings[at].start == start:
            opening = openings[at]
            is_other = opening.clinician_id != appointment.clinician_id
            if (
                is_other
                and clinician_id in (None, str(opening.clinician_id))
                and self._take(appointment, opening, is_offer)
            ):
                return [opening]
            at += 1
        return []

    def find_others(self, appointment: Appointment, wish: Wish) -> list[Opening]:
        """Return up to ``wish.others`` openings at other times, the nearest, in order; APART, for a real choice."""
        found: list[Opening] = []
        for opening in self._list_nearest(appointment):
            if len(found) >= min(wish.others, MAX_OTHERS):
                break
            if opening.start == as_instant(appointment.starts_at):
                continue
            if wish.keeps_clinician and opening.clinician_id != appointment.clinician_id:
                continue
            is_apart = all(abs(opening.start - other.start) >= APART for other in found)
            if is_apart and self._take(appointment, opening, is_offer=True):
                found.append(opening)
        return sorted(found)

    def _list_nearest(self, appointment) -> Iterator[Opening]:
        openings, start = self._load(appointment.service), as_instant(appointment.starts_at)
        later = bisect_left(openings, start, key=lambda opening: opening.start)
        earlier = later - 1
        while earlier >= 0 or later < len(openings):
            takes_later = earlier < 0 or (
                later < len(openings) and openings[later].start - start <= start - openings[earlier].start
            )
            if takes_later:
                yield openings[later]
                later += 1
            else:
                yield openings[earlier]
                earlier -= 1

    def _take(self, appointment, opening, is_offer):
        """Give an opening to an appointment, if it is where that is and not given yet; return whether it was."""
        if opening.is_remote != appointment.is_remote:
            return False
        if not opening.is_remote and opening.location_id != appointment.location_id:
            return False
        service = appointment.service
        start = opening.start - int(service.buffer_before.total_seconds())
        end = opening.end + int(service.buffer_after.total_seconds())
        given = self.given[opening.clinician_id]
        if any(first < end and last > start for first, last in given):
            return False
        if is_offer and get_window(self._request(service, opening), now=self.now) is None:
            return False  # too soon for an answer
        given.append((start, end))
        return True

    def _request(self, service, opening):
        clinician = self.people.clinicians[opening.clinician_id]
        location = self.people.locations[opening.location_id]
        return OpeningRequest(service, opening.starts_at, clinician, location, opening.is_remote)
