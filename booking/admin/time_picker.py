"""The free times that staff choose from, and why another time is not among them."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from django import forms
from django.utils import timezone

from scheduling.availability.openings import as_datetime
from scheduling.availability.search import Reason, explain, open_starts_by_place
from scheduling.lib.timezones import format_local
from scheduling.local_zones import get_home_zone
from scheduling.models import Clinician, Location, Service

DAY, YEAR = timedelta(days=1), timedelta(days=365)
STRIP = 14  # days
WHY_NOT = {
    Reason.NOT_OFFERED_HERE: "the service is not offered there in that way",
    Reason.TOO_SOON: "it is in the past",
    Reason.TOO_FAR: "it is further ahead than the service is booked",
    Reason.CLOSED: "outside the working hours, or not one of the service's starts",
    Reason.TIME_OFF: "time off",
    Reason.TAKEN: "there is an appointment then, or one too near",
    Reason.HELD: "somebody is just booking it, and holds it for some minutes",
    Reason.CALENDAR_BUSY: "their own calendar says that they are busy",
    Reason.CALENDAR_UNREACHABLE: "their own calendar cannot be read, and without it they are not offered",
}


class TimesForm(forms.Form):
    """Which times to look at."""

    service = forms.ModelChoiceField(Service.objects.filter(is_active=True), empty_label="Choose …")
    clinician = forms.ModelChoiceField(
        Clinician.objects.filter(is_active=True), required=False, empty_label="Whoever is free"
    )
    location = forms.ModelChoiceField(
        Location.objects.filter(is_active=True), required=False, empty_label="Any location"
    )
    visit = forms.ChoiceField(
        choices=[("", "In person or by video"), ("0", "In person"), ("1", "By video")], required=False
    )
    # Without one, the first with something free.
    day = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    why = forms.TimeField(
        required=False, label="Why not at", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def clean_day(self):
        day, today = self.cleaned_data["day"], timezone.localdate()
        if day and not today - DAY <= day <= today + 3 * YEAR:
            raise forms.ValidationError("Choose a day from today on.", code="past")
        return day


class Row(NamedTuple):
    """The times of one clinician at one place, as pairs of their value and local time."""

    clinician: str
    place: str
    times: list


class Times:
    """What there is on the days around ``form``'s, which is valid.

    ``rescheduling`` is the appointment that is to have another time, if any.
    Staff need not heed the service's notice: it is for patients, who might come before anybody knows of it.
    """

    def __init__(self, form, *, rescheduling=None):
        asked = form.cleaned_data
        self.service = asked["service"]
        self.service.notice = timedelta()  # of this object only: nobody saves it
        self.now, self.today = timezone.now(), timezone.localdate()
        self.day = asked["day"] or self.today
        self.first = self.day - timedelta(days=self.day.weekday())
        self.filters = {
            "clinicians": [asked["clinician"]] if asked["clinician"] else None,
            "location": asked["location"],
            "is_remote": bool(int(asked["visit"])) if asked["visit"] else None,
            "ignoring": rescheduling and rescheduling.slot_id,
        }
        self.found = open_starts_by_place(
            service=self.service,
            start_at=self.first,
            end_at=self.first + (STRIP - 1) * DAY,
            now=self.now,
            **self.filters,
        )
        self.asked_why = asked["why"]
        self.home = Location.objects.values_list(get_home_zone(), flat=True).first()
        if not asked["day"]:
            self.day = next((day for day, number in self.days() if number), self.day)

    def days(self):
        """Return (date, number of free times) of two weeks."""
        counts = Counter(local(start, place).date() for place, starts in self.found for start in starts)
        return [(self.first + number * DAY, counts[self.first + number * DAY]) for number in range(STRIP)]

    @property
    def earlier(self):
        """The day that shows earlier weeks, or None when they are over."""
        return max(self.day - timedelta(days=STRIP), self.today) if self.first > self.today else None

    @property
    def later(self):
        return self.day + timedelta(days=STRIP)

    def rows(self):
        """Return a Row for each clinician and place that has times on the day."""
        rows = []
        for place, starts in self.found:
            here = [start for start in starts if local(start, place).date() == self.day]
            if here:
                times = [(get_value(start, place), self._time(as_datetime(start), place)) for start in here]
                rows.append(Row(place.clinician_name, where(place), times))
        return rows

    def _time(self, moment, place):
        return format_local(moment, place.zone, unless=self.home, pattern="%H:%M")

    def opening(self, value):
        """Return the opening with that value as arguments of a verb, or None when it is no longer there."""
        for place, starts in self.found:
            for start in starts:
                if get_value(start, place) == value:
                    return {
                        "clinician": Clinician.objects.get(pk=place.clinician_id),
                        "location": Location.objects.get(pk=place.location_id),
                        "starts_at": as_datetime(start),
                        "is_remote": place.is_remote,
                    }
        return None

    def why_not(self):
        """Return (clinician, place and time there, reasons in words) for the time asked about; a free one has none."""
        if self.asked_why is None:
            return []
        answers = []
        for zone in {location.zone for location in Location.objects.filter(is_active=True)}:
            starts_at = datetime.combine(self.day, self.asked_why, zone)
            found = explain(service=self.service, starts_at=starts_at, now=self.now, **self.filters)
            answers += [
                (
                    place.clinician_name,
                    f"{where(place)}, {self._time(starts_at, place)}",
                    [WHY_NOT[reason] for reason in sorted(reasons)],
                )
                for place, reasons in found.items()
                if place.zone == zone
            ]
        return answers


def where(place):
    """Return a place as one reads it; a clinician may be seen at one in person and by video."""
    return f"by video ({place.location_name})" if place.is_remote else place.location_name


def local(start, place):
    return datetime.fromtimestamp(start, place.zone)


def get_value(start, place):
    """Return how a form names an opening."""
    return f"{start} {place.clinician_id} {place.location_id} {place.is_remote:d}"
