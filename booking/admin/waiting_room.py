"""The waiting room: who is there and since when, who is with their clinician, and who comes next. It renews itself."""

from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from booking.access.visibility import visible_to
from booking.admin.diary_page import get_appointments, get_etag, read_page
from booking.admin.sign_in.middleware import asked_by_page
from booking.models import Appointment
from scheduling.models import Location

LOOKAHEAD = timedelta(hours=1)


@admin.site.page("diary/waiting-room/", name="diary_waiting_room")
@require_GET
def waiting_room(request):
    """Show the waiting room of a location, as it is now."""
    page = read_today(request)
    context = {
        **admin.site.each_context(request),
        **build_waiting_room(request, page),
        "title": "Waiting room",
        "locations": visible_to(request.user, Location.objects.filter(is_active=True)),
    }
    return TemplateResponse(request, "admin/diary/waiting_room.html", context)


@admin.site.page("diary/waiting-room/news/", name="diary_waiting_room_news")
@asked_by_page
@require_GET
def waiting_room_news(request):
    """Answer 204 while an open page shows what is so, else what it is to show."""
    page = read_today(request)
    if request.GET.get("etag") == get_etag(request, page, get_quarter()):
        return HttpResponse(status=204)
    return TemplateResponse(request, "admin/diary/_waiting_room.html", build_waiting_room(request, page))


def read_today(request):
    """Return what is asked for, today; raises BadRequest where there is nothing to show yet."""
    page = read_page(request)
    if page is None:
        raise BadRequest
    return page._replace(view="day", day=page.today, clinician=None, shows_cancelled=False)


def get_quarter():
    """Return what changes with who is expected, though nothing happens."""
    return int(timezone.now().timestamp()) // 900


def build_waiting_room(request, page):
    """Return the context of the lists."""
    etag, now = get_etag(request, page, get_quarter()), timezone.now()
    rows = get_appointments(request, page).select_related("service", "clinician")
    here = rows.filter(status=Appointment.Status.IN_PROGRESS)
    coming = rows.filter(status__in=Appointment.UPCOMING, starts_at__lt=now + LOOKAHEAD).order_by("starts_at")
    return {
        "waiting": list(here.filter(seen_at=None).order_by("arrived_at", "starts_at")),
        "with_clinician": list(here.exclude(seen_at=None).order_by("seen_at")),
        "coming": list(coming),
        "page": page,
        "now": now,
        "news_url": page.get_url("diary_waiting_room_news", day=None, view=None, etag=etag),
    }
