"""The clinic's diary, staff's start page: a day of everybody, a week of one clinician, a month; and its updates."""

from calendar import Calendar

from django.contrib import admin
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from booking.access.visibility import get_my_location, set_my_location, visible_to
from booking.admin.diary_grid import draw_columns, get_axis
from booking.admin.diary_page import DAY, VIEWS, get_etag, list_clinicians, read_page
from booking.admin.permissions import has_appointment_permission
from booking.admin.sign_in.middleware import asked_by_page
from booking.domain.diary import count_visits, list_columns
from booking.models import Appointment, Hold
from scheduling.models import Location

# Others are not read: a day has hundreds of visits.
SHOWN_FIELDS = (
    *("clinician", "location", "patient", "service", "status", "starts_at", "ends_at"),
    *("attendee_name", "arrived_at", "seen_at", "is_remote"),
)


@admin.site.page("diary/", name="diary")
@require_GET
def diary(request):
    """Show the diary."""
    page = read_page(request)
    if page is None:
        context = {**admin.site.each_context(request), "title": "Today", "has_location": Location.objects.exists()}
        return TemplateResponse(request, "admin/diary/empty.html", context)
    if request.GET.get("location") and page.location != get_my_location(request.user):
        set_my_location(request.user, page.location)  # no more than a habit, so a link may change it
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
    response["ETag"], response["Cache-Control"] = etag, "no-store"
    return response


def build_grid(request, page, *, known=frozenset()):
    """Return the context of the grid: a column for each clinician, or for each day of one clinician's week."""
    etag = get_etag(request, page)
    now = timezone.now()
    appointments = visible_to(request.user, Appointment.objects.only(*SHOWN_FIELDS))
    columns = list_columns(
        page.location,
        page.first,
        page.last,
        appointments=appointments if page.shows_cancelled else appointments.exclude(status="cancelled"),
        holds=visible_to(request.user, Hold.objects.all()),
        clinician_ids=[page.clinician.pk] if page.clinician else None,
        now=now,
    )
    may_book = request.user.has_perm("booking.add_appointment")
    by_day = page.view == "week"
    drawn = draw_columns(columns, page.location, known=known, by_day=by_day, may_book=may_book)
    return {
        "columns": drawn,
        "shown": [each for column in drawn for each in column.appointments],  # for the log of who saw whom
        "axis": get_axis(columns, page.location.zone),
        "etag": etag,
        "page": page,
        "now": int(now.timestamp()),
        "events_url": page.get_url("diary_events"),
        "may_book": may_book,
        "may_move": has_appointment_permission(request, "decide"),
    }


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
        "waiting_room": page.get_url("diary_waiting_room", day=None, view=None, clinician=None, cancelled=None),
        "print": page.get_url("diary_print", view=None, cancelled=None),
        "book": request.user.has_perm("booking.add_appointment")
        and page.get_url("diary_book", day=None, view=None, cancelled=None),
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
