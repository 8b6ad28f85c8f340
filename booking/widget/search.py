"""The search for a time: from what an address says to what is on the page."""

from datetime import UTC, datetime, time, timedelta

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from booking.domain.holds import find_hold
from booking.domain.transitions import HoldNotFound
from booking.templatetags.wording import zone as zone_name
from booking.widget.day_strip import STRIP, make_choices, make_strip, parts_of_day, strip_start
from booking.widget.forms import WAYS, WishForm
from booking.widget.offer import get_offer
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, find_nearest_openings, find_next_opening, open_times

DAY = timedelta(days=1)


class Search:
    """A service, the filters, the days and one's own hold, as a query says them (a QueryDict or a dict).

    What cannot be understood is left out and told in ``remarks``. ``like`` is a booking whose clinician and place
    can be wished, although they may offer the service no more.
    """

    def __init__(self, service, query, now, *, like=None):
        self.service, self.now = service, now
        self.hold, self.remarks = own_hold(query.get("hold", ""), now)
        self.offer = get_offer(service, self.hold, like)
        self.wish = WishForm(query, self.offer)
        self.is_garbled = not self.wish.is_valid()
        self.remarks = list(dict.fromkeys(self.remarks + self.wish.remarks))
        self.wish.cleaned_data["hold"] = self.hold.token if self.hold else ""
        self.zones = list({place.zone for place in self.offer.locations.values()}) or [UTC]
        self._choose_days()

    def _choose_days(self):
        self.today = min(self.now.astimezone(zone).date() for zone in self.zones)
        self.last = max((self.now + self.service.horizon).astimezone(zone).date() for zone in self.zones)
        self.day = self.wish.cleaned_data.get("day")
        wanted = self.day or self.wish.cleaned_data.get("start") or self.today
        if wanted < self.today:
            self.remarks.append(_("That day is over. These are the next days."))
        elif wanted > self.last:
            last = format_date(self.last, _("l j F"))
            self.remarks.append(_("Bookings are open until %(day)s.") % {"day": last})
        if not self.today <= wanted <= self.last:
            self.day, wanted = None, min(max(wanted, self.today), self.last)
        self.start = strip_start(wanted, today=self.today)
        self.end = self.start + STRIP * DAY

    @property
    def filters(self):
        """The OpeningFilters that the patient has chosen."""
        clinician, where = self.wish.cleaned_data.get("clinician"), self.wish.cleaned_data.get("where")
        return OpeningFilters(
            self.service,
            clinician_ids=[clinician] if clinician else None,
            location_id=where if where and where not in WAYS else None,
            is_remote=WAYS.get(where, False) if where else None,
            ignored_slot_id=self.hold.slot_id if self.hold else None,
        )

    @property
    def own(self):
        """The opening that is held for this patient, if it is one of this service."""
        hold = self.hold
        if not hold or hold.service_id != self.service.pk:
            return None
        start, end = (int(moment.timestamp()) for moment in (hold.starts_at, hold.ends_at))
        return Opening(start, end, hold.clinician_id, hold.location_id, hold.is_remote)

    def midnight(self, day):
        """Return when that day begins, in the zone where it begins first."""
        return min(datetime.combine(day, time(), zone) for zone in self.zones)

    def choices(self):
        """Return the choices of the strip, one's own time always among them."""
        openings = open_times(
            self.filters,
            now=self.now,
            # A day later: where the last day ends last.
            start_at=self.midnight(self.start),
            end_at=self.midnight(self.end + DAY),
        )
        if self.own and self.own not in openings:  # notice has passed meanwhile, or a filter would hide it
            openings.append(self.own)
        choices = self.make_choices(openings)
        return [choice for choice in choices if self.start <= choice.day < self.end]

    def next_free(self, free_days, chosen):
        """Return the next day with a free time after ``chosen``, or failing that before it, or None."""
        for day in free_days:
            if day > chosen:
                return day
        for after in (self.midnight(self.end), None):
            opening = find_next_opening(self.filters, now=self.now, after=after)
            if opening:
                return opening.starts_at.astimezone(self.offer.zone_of(opening.location_id)).date()
        return None

    def nearest(self, near):
        """Return the three choices nearest to the moment ``near``, within the filters if there are any."""
        anything = OpeningFilters(self.service, ignored_slot_id=self.filters.ignored_slot_id)
        for filters in (self.filters, anything):
            openings = find_nearest_openings(filters, near=near, now=self.now)
            if openings:
                return self.make_choices(self.with_others(openings, filters))
        return []

    def with_others(self, openings, filters):
        """Return the openings with those that others have at the same time and place."""
        first, last = openings[0].starts_at, openings[-1].starts_at
        theirs = {(opening.start, opening.location_id, opening.is_remote) for opening in openings}
        found = open_times(filters, start_at=first, end_at=last + timedelta(seconds=1), now=self.now)
        return [opening for opening in found if (opening.start, opening.location_id, opening.is_remote) in theirs]

    def make_choices(self, openings):
        """Return the openings as choices: of each time one, unless a clinician was chosen or there is but one."""
        anyone = not self.wish.cleaned_data.get("clinician") and len(self.offer.clinicians) > 1
        return make_choices(openings, self.offer, own=self.own, anyone=anyone)


def zone_note(choices, day):
    """Return which zone the choices of that day are in."""
    noon = datetime.combine(day, time(12), UTC)
    names = sorted({zone_name(noon, choice.at.tzinfo.key) for choice in choices if choice.day == day})
    if len(names) > 1:
        return _("Each time is the local time of its clinic: %(zones)s.") % {"zones": ", ".join(names)}
    return _("All times are %(zone)s.") % {"zone": names[0]} if names else ""


def search_page(search):
    """Return what the page of times shows of a Search."""
    choices = search.choices()
    strip = make_strip(choices, start=search.start, today=search.today, last=search.last)
    free_days = [day.date for day in strip.days if day.count]
    chosen = search.day or next(iter(free_days), search.start)
    parts = parts_of_day(choices, chosen)
    return {
        "service": search.service,
        "wish": search.wish,
        "hold": search.hold,
        "remarks": search.remarks,
        "strip": strip,
        "chosen": chosen,
        "parts": parts,
        "zone_note": zone_note(choices, chosen),
        "next_free": None if parts else search.next_free(free_days, chosen),
    }


def own_hold(token, now):
    """Return the live hold of a token, or None, and what to say about it in a list of sentences."""
    if not token:
        return None, []
    try:
        hold = find_hold(token)
    except HoldNotFound:
        return None, [_("We do not know that hold.")]
    if hold.is_live(now):
        return hold, []
    if hold.status == hold.Status.CONFIRMED:
        return None, [_("Your earlier time is booked. This would be another appointment.")]
    return None, [_("The time you had before is no longer held for you.")]
