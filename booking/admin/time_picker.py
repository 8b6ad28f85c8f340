"""The openings that staff choose from, and the reasons why another time is not offered."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from booking.domain.slot_selection import OpeningRequest
from scheduling.availability import search
from scheduling.availability.openings import as_datetime, as_instant
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason
from scheduling.lib.timezones import format_local
from scheduling.models import Clinician, Location
from scheduling.models.local_zones import get_home_zone

DAY = timedelta(days=1)
STRIP_DAYS = 14
REASON_LABELS = {
    Reason.NOT_OFFERED_HERE: "the service is not offered there in that way",
    Reason.TOO_SOON: "it is in the past",
    Reason.TOO_FAR: "it is further ahead than the service is booked",
    Reason.CLOSED: "outside the working hours, or not one of the service's starts",
    Reason.TIME_OFF: "time off",
    Reason.HOLIDAY: "a holiday at that location",
    Reason.TAKEN: "there is an appointment then, or one too near",
    Reason.HELD: "somebody is just booking it, and holds it for some minutes",
    Reason.CALENDAR_BUSY: "their own calendar says that they are busy",
    Reason.CALENDAR_UNREACHABLE: "their own calendar cannot be read, and without it they are not offered",
}


class OpeningRow(NamedTuple):
    """The openings of one clinician at one place, as pairs of form value and local time."""

    clinician: str
    place: str
    times: list


class TimePicker:
    """The openings around the day of a valid OpeningSearchForm, for an appointment to be rescheduled if one is given.

    The service's notice does not apply to staff: it keeps patients from coming before anybody knows.
    """

    def __init__(self, form, *, rescheduling=None):
        criteria = form.cleaned_data
        self.service = criteria["service"]
        self.service.notice = timedelta()  # on this instance only, which is never saved
        self.home = Location.objects.values_list(get_home_zone(), flat=True).first()
        self.zone = criteria["location"].zone if criteria["location"] else ZoneInfo(self.home or settings.TIME_ZONE)
        self.now = timezone.now()
        self.today = self.now.astimezone(self.zone).date()
        self.day = criteria["day"] or self.today
        self.first = self.day - timedelta(days=self.day.weekday())
        self.filters = OpeningFilters(
            self.service,
            clinician_ids=[criteria["clinician"].pk] if criteria["clinician"] else None,
            location_id=criteria["location"] and criteria["location"].pk,
            is_remote=bool(int(criteria["visit"])) if criteria["visit"] else None,
            ignored_slot_id=rescheduling and rescheduling.slot_id,
        )
        # Those of the form's choices are the ones that staff may see.
        self.clinicians, self.locations = (
            set(form.fields[name].queryset.values_list("pk", flat=True)) for name in ("clinician", "location")
        )
        openings = search.find_open_starts(
            self.filters, start_at=self.first, end_at=self.first + (STRIP_DAYS - 1) * DAY, now=self.now
        )
        self.openings = [(place, starts) for place, starts in openings if self.is_visible(place)]
        self.time_in_question = criteria["why"]
        if not criteria["day"]:
            self.day = next((day for day, number in self.days() if number), self.day)

    def is_visible(self, place):
        """Return whether staff may see what is free there."""
        return place.clinician_id in self.clinicians and place.location_id in self.locations

    def days(self):
        """Return (date, number of openings) for two weeks."""
        counts = Counter(to_local(start, place).date() for place, starts in self.openings for start in starts)
        return [(self.first + number * DAY, counts[self.first + number * DAY]) for number in range(STRIP_DAYS)]

    @property
    def earlier(self):
        """The day to show for earlier weeks, or None if they are over."""
        return max(self.day - timedelta(days=STRIP_DAYS), self.today) if self.first > self.today else None

    @property
    def later(self):
        return self.day + timedelta(days=STRIP_DAYS)

    def rows(self):
        """Return an OpeningRow for each clinician and place with openings on the day."""
        rows = []
        for place, starts in self.openings:
            here = [start for start in starts if to_local(start, place).date() == self.day]
            if here:
                # An hour that the change of the clock repeats is told apart by its zone's name.
                is_changed = len({to_local(start, place).utcoffset() for start in here}) > 1
                unless = None if is_changed else self.home
                times = [(get_form_value(start, place), format_time(start, place, unless=unless)) for start in here]
                rows.append(OpeningRow(place.clinician_name, format_place(place), times))
        return rows

    def get_opening(self, value):
        """Return an OpeningRequest for the form value, or None if that opening is gone."""
        for place, starts in self.openings:
            for start in starts:
                if get_form_value(start, place) == value:
                    return OpeningRequest(
                        service=self.service,
                        starts_at=as_datetime(start),
                        clinician=Clinician.objects.get(pk=place.clinician_id),
                        location=Location.objects.get(pk=place.location_id),
                        is_remote=place.is_remote,
                    )
        return None

    def explain(self):
        """Return (clinician, place and local time, reasons) for the time in question; an opening has no reasons."""
        return [
            (
                place.clinician_name,
                f"{format_place(place)}, {format_local(starts_at, place.zone, unless=self.home, pattern='%H:%M')}",
                [REASON_LABELS[reason] for reason in sorted(reasons)],
            )
            for place, starts_at, reasons in self.list_reasons()
        ]

    def list_reasons(self, *, fold=0):
        """Return (place, start, Reasons) for the time in question at each place; an opening has no reasons.

        ``fold`` is 1 for the second time, where the clock shows one twice.
        """
        if self.time_in_question is None:
            return []
        zones = {location.zone for location in Location.objects.filter(is_active=True)}
        at = self.time_in_question.replace(fold=int(fold))
        starts = [(datetime.combine(self.day, at, zone), zone) for zone in zones]
        return [each for start, zone in starts for each in self.explain_at(start) if each[0].zone == zone]

    def explain_at(self, starts_at):
        """Return (place, start, Reasons) for a start at each place that staff may see."""
        reasons_by_place = search.explain(self.filters, starts_at=starts_at, now=self.now)
        return [(place, starts_at, reasons) for place, reasons in reasons_by_place.items() if self.is_visible(place)]


def format_place(place):
    """Return a place's label: a clinician may be seen at one location in person and by video."""
    return f"by video ({place.location_name})" if place.is_remote else place.location_name


def format_time(start, place, *, unless):
    return format_local(as_datetime(start), place.zone, unless=unless, pattern="%H:%M")


def to_local(start, place):
    return datetime.fromtimestamp(start, place.zone)


def get_form_value(start, place):
    """Return the form value that identifies an opening."""
    return f"{start} {place.clinician_id} {place.location_id} {place.is_remote:d}"


def get_present_value(appointment):
    """Return the form value of the opening that an appointment has now."""
    start = as_instant(appointment.starts_at)
    return f"{start} {appointment.clinician_id} {appointment.location_id} {appointment.is_remote:d}"
