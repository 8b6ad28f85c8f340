"""A clinician's own hours, to read, and the way to their feed."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from booking.admin.feeds import get_feed_url
from booking.admin.permissions import get_own_clinician
from booking.admin.time_off_requests import format_span
from scheduling.models import ExtraHours, TimeOff, WorkingHours
from scheduling.models.hours import list_workplaces
from scheduling.models.local_zones import find_time_off_zone

NOTE = "booking.note_appointment"


@admin.site.page("my-hours/", name="my_hours")
def show_hours(request: HttpRequest) -> HttpResponse:
    """Show a clinician when they work, and when not: their hours, extra days, time off and holidays."""
    clinician = get_own_clinician(request, NOTE)
    zone = find_time_off_zone(clinician=clinician, location=None)
    now = timezone.now()
    today = now.astimezone(zone).date()
    weekly = WorkingHours.objects.filter(Q(valid_until=None) | Q(valid_until__gte=today), clinician=clinician)
    rows = list(weekly.select_related("location").order_by("weekday", "start_time"))
    extra = ExtraHours.objects.filter(clinician=clinician, date__gte=today).select_related("location")
    places = list_workplaces("location", clinician=clinician)
    off = TimeOff.objects.filter(Q(clinician=clinician) | Q(location__in=places), ends_at__gt=now)
    context = {
        **admin.site.each_context(request),
        "title": "My hours",
        "days": [(name, [row for row in rows if row.weekday == day]) for day, name in WorkingHours.Weekday.choices],
        "extra": extra.order_by("date", "start_time"),
        "off": [
            (format_span(each, zone), each)
            for each in off.select_related("location").order_by("starts_at")[:50]
            if each.starts_at < now + timedelta(days=400)
        ],
    }
    return TemplateResponse(request, "admin/my/hours.html", context)


@admin.site.page("my-feed/", name="my_feed")
def lead_to_feed(request: HttpRequest) -> HttpResponse:
    """Lead a clinician to the page of their feed."""
    clinician = get_own_clinician(request, NOTE)
    return HttpResponseRedirect(get_feed_url(clinician, request) or reverse("admin:index"))
