"""What a page of the diary is asked for: which day, week or month, at which location, of whom."""

from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import NamedTuple

from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from booking.access.visibility import get_my_location, visible_to
from booking.admin.day_bar import parse_day
from booking.admin.permissions import has_appointment_permission
from booking.domain.locations import get_location_versions
from booking.models import Appointment
from scheduling.availability.openings import as_datetime, split_day
from scheduling.lib.ids import parse_id
from scheduling.lib.recent_results import RecentResults
from scheduling.lib.timezones import get_zone_abbreviation
from scheduling.models import Clinician, Location
from scheduling.models.hours import list_workplaces

DAY = timedelta(days=1)
VIEWS = {"day": "Day", "week": "Week", "month": "Month"}
VERSIONS_SECONDS = 0.5
versions = RecentResults(max_age=VERSIONS_SECONDS)


class DiaryPage(NamedTuple):
    """What is asked for: a day, week or month at a location, perhaps of one clinician."""

    view: str
    day: date
    today: date
    location: Location
    clinician: Clinician | None
    shows_cancelled: bool

    @property
    def first(self):
        return self.day - self.day.weekday() * DAY if self.view == "week" else self.day

    @property
    def last(self):
        return self.first + 6 * DAY if self.view == "week" else self.day

    @property
    def zone_name(self):
        """What the clock's zone is called, at noon of the last day."""
        return get_zone_abbreviation(datetime.combine(self.last, time(12), self.location.zone))

    def get_url(self, name="diary", **changes):
        """Return the address of this page, or with ``changes`` of another."""
        query = {
            "day": self.day,
            "view": self.view,
            "location": self.location.pk,
            "clinician": self.clinician.pk if self.clinician else None,
            "cancelled": "1" if self.shows_cancelled else None,
        } | changes
        return reverse(f"admin:{name}", query={key: str(value) for key, value in query.items() if value is not None})


def read_page(request) -> DiaryPage | None:
    """Return what a request asks for, None if there is nothing to show yet; raises PermissionDenied.

    What is missing or makes no sense is what somebody would look at first: today, at the first location.
    """
    if not has_appointment_permission(request, "view"):
        raise PermissionDenied
    asked = request.GET
    sees_all = has_appointment_permission(request, "view_all")
    own = None if sees_all else Clinician.objects.filter(user=request.user).first()
    location = find_location(request, own)
    if location is None or not (sees_all or own):
        return None
    today = timezone.now().astimezone(location.zone).date()
    view = asked.get("view") if asked.get("view") in VIEWS else "day"
    colleagues = visible_to(request.user, Clinician.objects.filter(is_active=True))
    clinician = own or find_by_id(colleagues, asked.get("clinician"))
    if view == "week" and clinician is None:
        clinician = list_clinicians(location).first()
    day = parse_day(asked.get("day")) or today
    return DiaryPage(view, day, today, location, clinician, shows_cancelled=bool(asked.get("cancelled")))


def find_location(request, own_clinician):
    """Return the location asked for, else one where the clinician works, or the first."""
    locations = visible_to(request.user, Location.objects.all())
    asked = find_by_id(locations, request.GET.get("location"))
    active = locations.filter(is_active=True)
    if asked is None and own_clinician:
        asked = active.filter(pk__in=list_workplaces("location", clinician=own_clinician)).first()
    return asked or get_my_location(request.user) or active.first() or locations.first()


def find_by_id(rows, text):
    """Return the row with an id that was submitted, or None."""
    pk = parse_id(text)
    return rows.filter(pk=pk).first() if pk else None


def list_clinicians(location):
    """Return the active clinicians who work at a location."""
    return Clinician.objects.filter(is_active=True, pk__in=list_workplaces("clinician", location=location))


def get_etag(request, page, *more):
    """Return what changes with whatever the page shows, and perhaps more often.

    It is to be read before what is shown: what changes in between has a version of its own.
    """
    version = versions.get(get_location_versions).get(page.location.pk)
    asked = (version, request.user.pk, page.view, page.day, page.today, page.clinician and page.clinician.pk)
    return f'"{blake2b(repr((asked, page.shows_cancelled, more)).encode(), digest_size=12).hexdigest()}"'


def get_appointments(request, page):
    """Return the appointments of the page's location and days, as far as the member of staff may see them."""
    zone = page.location.zone
    start, end = (as_datetime(split_day(zone, page.first)[0][0]), as_datetime(split_day(zone, page.last)[-1][1]))
    rows = visible_to(request.user, Appointment.objects.filter(location=page.location))
    return rows.filter(starts_at__gte=start, starts_at__lt=end)
