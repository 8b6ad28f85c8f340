"""The clinic's diary, staff's start page: a day of everybody, a week of one clinician, a month; and its updates."""

from calendar import Calendar
from datetime import date, timedelta
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from booking.access.visibility import get_my_location, visible_to
from booking.admin.diary_grid import draw_columns, get_axis
from booking.admin.permissions import has_appointment_permission
from booking.admin.sign_in.middleware import asked_by_page
from booking.domain.diary import count_visits, list_columns
from booking.domain.locations import get_location_versions
from booking.models import Appointment, Hold
from scheduling.lib.recent_results import RecentResults
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
    clinician = own or find_by_id(Clinician.objects.filter(is_active=True), asked.get("clinician"))
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
    """Return the row with that id, or None."""
    try:
        return rows.filter(pk=UUID(text)).first() if text else None
    except ValueError:
        return None


def parse_day(text):
    """Return the date, or None for one that is none or that nobody books."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2200 else None


def list_clinicians(location):
    """Return the active clinicians who work at a location."""
    return Clinician.objects.filter(is_active=True, pk__in=list_workplaces("clinician", location=location))


@admin.site.page("diary/", name="diary")
@require_GET
def diary(request):
    """Show the diary."""
    page = read_page(request)
    if page is None:
        context = {**admin.site.each_context(request), "title": "Today", "has_location": Location.objects.exists()}
        return TemplateResponse(request, "admin/diary/empty.html", context)
    content = build_month(request, page) if page.view == "month" else build_grid(request, page)
    context = {
        **admin.site.each_context(request),
        **content,
        "title": describe_period(page),
        "page": page,
        "tools": build_tools(request, page),
    }
    return TemplateResponse(request, "admin/diary/diary.html", context)


admin.site.start_page = diary


@admin.site.page("diary/events/", name="diary_events")
@asked_by_page
@require_GET
def diary_events(request):
    """Answer 304 while an open page shows what is so, else the grid, but not the columns that it has already."""
    page = read_page(request)
    if page is None or page.view == "month":
        return HttpResponse(status=204)
    etag = get_etag(request, page)
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponse(status=304)
    else:
        known = set(request.GET.get("known", "").split("."))
        response = TemplateResponse(request, "admin/diary/_grid.html", build_grid(request, page, known=known))
    response.headers |= {"ETag": etag, "Cache-Control": "no-store"}
    return response


def get_etag(request, page):
    """Return what changes with whatever the page shows, and perhaps more often."""
    version = versions.get(get_location_versions).get(page.location.pk)
    asked = (version, request.user.pk, page.view, page.day, page.today, page.clinician and page.clinician.pk)
    return f'"{blake2b(repr((asked, page.shows_cancelled)).encode(), digest_size=12).hexdigest()}"'


def build_grid(request, page, *, known=frozenset()):
    """Return the context of the grid: a column for each clinician, or for each day of one clinician's week."""
    etag = get_etag(request, page)  # before the rows are read: what changes in between has a version of its own
    now = timezone.now()
    columns = list_columns(
        page.location,
        page.first,
        page.last,
        appointments=get_appointments(request, page),
        holds=visible_to(request.user, Hold.objects.all()),
        clinician_ids=[page.clinician.pk] if page.clinician else None,
        now=now,
    )
    drawn = draw_columns(columns, page.location.zone, known=known, by_day=page.view == "week")
    return {
        "columns": drawn,
        "axis": get_axis(columns, page.location.zone),
        "etag": etag,
        "page": page,
        "now": int(now.timestamp()),
        "events_url": page.get_url("diary_events"),
        "may_book": request.user.has_perm("booking.add_appointment"),
        "may_move": has_appointment_permission(request, "decide"),
    }


def get_appointments(request, page):
    """Return the appointments that the page may show."""
    rows = visible_to(request.user, Appointment.objects.all())
    return rows if page.shows_cancelled else rows.exclude(status=Appointment.Status.CANCELLED)


def build_month(request, page):
    """Return the context of the month: its weeks, and of each day how many visits it has."""
    weeks = Calendar().monthdatescalendar(page.day.year, page.day.month)
    rows = visible_to(request.user, Appointment.objects.all())
    if page.clinician:
        rows = rows.filter(clinician=page.clinician)
    counts = count_visits(page.location, weeks[0][0], weeks[-1][-1], appointments=rows)
    return {
        "weeks": [
            [
                {"day": day, "url": page.get_url(view="day", day=day), "is_other": day.month != page.day.month}
                | counts.get(day, {})
                for day in week
            ]
            for week in weeks
        ]
    }


def build_tools(request, page):
    """Return what stands above the diary: where one can go from here."""
    earlier, later = get_neighbours(page)
    sees_all = has_appointment_permission(request, "view_all")
    return {
        "earlier": page.get_url(day=earlier),
        "later": page.get_url(day=later),
        "today": page.get_url(day=page.today),
        "is_today": page.first <= page.today <= page.last,
        "views": [(label, page.get_url(view=name), name == page.view) for name, label in VIEWS.items()],
        "locations": visible_to(request.user, Location.objects.filter(is_active=True)),
        "clinicians": list_clinicians(page.location) if sees_all else [],
    }


def get_neighbours(page):
    """Return the days that the arrows lead to."""
    if page.view == "month":
        first = page.day.replace(day=1)
        return (first - DAY).replace(day=1), (first + 31 * DAY).replace(day=1)
    step = (7 if page.view == "week" else 1) * DAY
    return page.day - step, page.day + step


def describe_period(page):
    """Return the day, week or month in words."""
    if page.view == "month":
        return f"{page.day:%B %Y}"
    if page.view == "week":
        return f"{page.first:%-d %b} – {page.last:%-d %b %Y}"
    return f"{page.day:%A %-d %B %Y}"


# Until there are dialogs, the pages that there were.


@admin.site.page("diary/appointments/<uuid:pk>/", name="diary_appointment")
@require_GET
def appointment(request, pk):
    """Lead to the appointment's page."""
    return redirect("admin:booking_appointment_change", pk)


@admin.site.page("diary/appointments/<uuid:pk>/move/", name="diary_move")
@require_GET
def move(request, pk):
    """Lead to the page that gives an appointment another time."""
    return redirect("admin:booking_appointment_another_time", pk)


@admin.site.page("diary/book/", name="diary_book")
@require_GET
def book(request):
    """Lead to the page that books an appointment."""
    return redirect("admin:booking_appointment_add")
