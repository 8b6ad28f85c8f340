"""The search for a time: from the query string to what is on the page."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from booking.access.patient_links import read_proof
from booking.domain.contact_codes import find_proof
from booking.domain.holds import find_hold
from booking.domain.transitions import HoldNotFound
from booking.widget.day_strip import STRIP, get_strip_start, group_by_place, make_choices, make_strip
from booking.widget.forms import BAD_ME, BAD_PROOF, WAYS, WishForm
from booking.widget.live_times import Watch, get_etag, get_watch_url
from booking.widget.offer import get_offer
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, find_nearest_openings, find_next_opening, open_times
from scheduling.models import Clinician, Location

DAY = timedelta(days=1)


class Search:
    """A service, filters, days and the patient's own hold, read from a query (a QueryDict or a dict).

    What cannot be understood is ignored and explained in ``remarks``. The clinician and place of ``like``, a
    booking, can be searched for even if they no longer offer the service.
    """

    def __init__(self, service, query, now, *, like=None):
        self.service, self.now = service, now
        self.hold, self.remarks = find_own_hold(query.get("hold", ""), now)
        self.offer = get_offer(service, self.hold, like)
        self.wish = WishForm(query, self.offer)
        self.is_garbled = not self.wish.is_valid()
        self.remarks = list(dict.fromkeys(self.remarks + self.wish.remarks))
        self.wish.cleaned_data["hold"] = self.hold.token if self.hold else ""
        self.me = self._read_me()
        self.verified_email = self._read_proof()
        self.zones = list({place.zone for place in self.offer.locations.values()}) or [UTC]
        self._choose_days()

    def _read_proof(self):
        """Return the pseudonym of the address that the patient has proved to have, or ""."""
        proof = self.wish.cleaned_data.get("proof")
        verified_email = proof and read_proof(proof)
        if proof and not verified_email:
            self.remarks.append(BAD_PROOF)
            self.wish.cleaned_data["proof"] = ""
        if self.me and self.me.email_id:
            return self.me.email_id
        return verified_email or (self.hold.verified_email if self.hold else "")

    def _read_me(self):
        """Return the contact_codes.Proof of the contact that the patient has proved by a code, or None."""
        token = self.wish.cleaned_data.get("me")
        me = find_proof(token) if token else None
        if token and not me:
            self.remarks.append(BAD_ME)
            self.wish.cleaned_data["me"] = ""
        return me

    def _choose_days(self):
        self.today = min(self.now.astimezone(zone).date() for zone in self.zones)
        self.last = max((self.now + self.service.horizon).astimezone(zone).date() for zone in self.zones)
        self.day, start = (self.wish.cleaned_data.get(name) for name in ("day", "start"))
        self.has_chosen_days = bool(self.day or start)
        wanted = self.day or start or self.today
        if wanted < self.today:
            self.remarks.append(_("That day is over. These are the next days."))
        elif wanted > self.last:
            last = format_date(self.last, _("l j F"))
            self.remarks.append(_("Bookings are open until %(day)s.") % {"day": last})
        if not self.today <= wanted <= self.last:
            self.day, wanted = None, min(max(wanted, self.today), self.last)
        self._show_strip(wanted)

    def _show_strip(self, wanted):
        self.start = get_strip_start(wanted, today=self.today)
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
        """The opening held for this patient, if it is one of this service, or None."""
        hold = self.hold
        if not hold or hold.service_id != self.service.pk:
            return None
        start, end = (int(moment.timestamp()) for moment in (hold.starts_at, hold.ends_at))
        return Opening(start, end, hold.clinician_id, hold.location_id, hold.is_remote)

    def midnight(self, day):
        """Return the earliest start of a day in any of the zones."""
        return min(datetime.combine(day, time(), zone) for zone in self.zones)

    @property
    def watch(self):
        """What the strip shows, for the page to ask whether that has changed."""
        filters = self.filters
        [clinician_id] = filters.clinician_ids or [None]
        return Watch(
            self.service.pk,
            clinician_id and UUID(clinician_id),
            filters.location_id and UUID(filters.location_id),
            filters.is_remote,
            filters.ignored_slot_id,
            int(self.midnight(self.start).timestamp()),
            # A day later, for the zone where the last day ends last.
            int(self.midnight(self.end + DAY).timestamp()),
        )

    def list_openings(self):
        """Return the openings of the strip."""
        return self.watch.list_openings(self.service, now=self.now)

    def list_choices(self, openings):
        """Return the openings as choices of the strip, the patient's own time always included."""
        if self.own and self.own not in openings:  # its notice has passed, or a filter hides it
            openings = [*openings, self.own]
        choices = self.make_choices(openings)
        return [choice for choice in choices if self.start <= choice.day < self.end]

    def jump_to_first(self):
        """Show the strip with the first free time and return whether there is any, with a remark on the days before."""
        opening = find_next_opening(self.filters, now=self.now, after=self.midnight(self.end))
        if opening is None:
            return False
        first = opening.starts_at.astimezone(self.offer.get_zone(opening.location_id)).date()
        self._show_strip(first)
        day = format_date(first, _("l j F"))
        self.remarks.append(
            (
                _("With what you chose, nothing is free before %(day)s.")
                if self.wish.is_narrowed
                else _("Nothing is free before %(day)s.")
            )
            % {"day": day}
        )
        return True

    def find_next_free_day(self, free_days, chosen):
        """Return the next day after ``chosen`` with a free time, else the first one before it, or None."""
        for day in free_days:
            if day > chosen:
                return day
        for after in (self.midnight(self.end), None):
            opening = find_next_opening(self.filters, now=self.now, after=after)
            if opening:
                return opening.starts_at.astimezone(self.offer.get_zone(opening.location_id)).date()
        return None

    def find_nearest(self, wanted):
        """Return the three choices nearest to ``wanted`` (a Picked time or a booking), in place before in time.

        They are within the filters if any match them.
        """
        rank = self.offer.rank_from(wanted.location_id, is_remote=wanted.is_remote)
        anything = OpeningFilters(self.service, ignored_slot_id=self.filters.ignored_slot_id)
        for filters in (self.filters, anything):
            openings = find_nearest_openings(filters, near=wanted.starts_at, now=self.now, rank=rank)
            if openings:
                return self.make_choices(sorted(self.add_others(openings, filters), key=rank))
        return []

    def add_others(self, openings, filters):
        """Return the openings together with other clinicians' at the same times and places."""
        starts = [opening.starts_at for opening in openings]
        theirs = {(opening.start, opening.location_id, opening.is_remote) for opening in openings}
        found = open_times(filters, start_at=min(starts), end_at=max(starts) + timedelta(seconds=1), now=self.now)
        return [opening for opening in found if (opening.start, opening.location_id, opening.is_remote) in theirs]

    def make_choices(self, openings):
        """Return the openings as choices: one for each time, unless a clinician was chosen or there is only one."""
        anyone = not self.wish.cleaned_data.get("clinician") and len(self.offer.clinicians) > 1
        return make_choices(openings, self.offer, own=self.own, anyone=anyone)


def find_profiles(wish):
    """Return the clinician and the location that a search is narrowed to and that have a page, if any."""
    clinician, where = (wish.cleaned_data.get(name) for name in ("clinician", "where"))
    found = {}
    if clinician:
        people = Clinician.objects.filter(pk=clinician, is_active=True, has_page=True)
        found["clinician"] = people.select_related("photo").first()
    if where and where not in WAYS:
        found["location"] = Location.objects.filter(pk=where, is_active=True).first()
    return {name: row for name, row in found.items() if row}


def get_times_context(search):
    """Return the template context of the page of times."""
    openings = search.list_openings()
    if not openings and not search.has_chosen_days and not search.own and search.jump_to_first():
        openings = search.list_openings()
    choices = search.list_choices(openings)
    strip = make_strip(choices, start=search.start, today=search.today, last=search.last)
    free_days = [day.date for day in strip.days if day.count]
    chosen = search.day or next(iter(free_days), search.start)
    return {
        "service": search.service,
        "wish": search.wish,
        "hold": search.hold,
        "is_verified": bool(search.verified_email),
        "remarks": search.remarks,
        "strip": strip,
        "chosen": chosen,
        "chosen_day": next((day for day in strip.days if day.date == chosen), None),
        "places": group_by_place(choices, chosen),
        "profiles": find_profiles(search.wish),
        "next_free": None if chosen in free_days else search.find_next_free_day(free_days, chosen),
        "watch": get_watch_url(search.watch),
        "etag": get_etag(openings),
    }


def find_own_hold(token, now):
    """Return the token's live hold, or None, and a list of sentences about it."""
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
