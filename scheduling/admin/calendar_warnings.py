"""The sync state of clinicians' own calendars, and warnings about those that cannot be read."""

from django.contrib import messages
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince

from scheduling.calendars.storing import get_readable_calendars
from scheduling.models import Calendar

MAX_WARNINGS = 3


def get_calendar_state(calendar, *, at):
    """Return a phrase that says when the calendar was last read or written to."""
    if not calendar.is_active:
        return "not used"
    verb = "written to" if calendar.kind == Calendar.Kind.CALDAV else "read"
    if calendar.last_synced_at is None:
        return f"not {verb} yet"
    age = timesince(calendar.last_synced_at, at)
    is_stale = calendar.kind == Calendar.Kind.ICALENDAR and calendar.is_unreachable(at=at)
    return f"not {verb} for {age}" if is_stale else f"{verb} {age} ago"


def get_unreachable_calendars(*, at):
    """Return the calendars of active clinicians that have not been read for too long."""
    stale = Q(last_synced_at__isnull=True) | Q(last_synced_at__lte=at - Calendar.STALE_AFTER)
    return get_readable_calendars().filter(stale, clinician__is_active=True).select_related("clinician")


def warn_about_unreachable(request, **conditions):
    """Warn staff who may view calendars about those that cannot be read, and what that means for their clinicians."""
    if not request.user.has_perm("scheduling.view_calendar"):
        return
    now = timezone.now()
    found = list(get_unreachable_calendars(at=now).filter(**conditions))
    for calendar in found[:MAX_WARNINGS]:
        withheld = calendar.when_unreachable == Calendar.WhenUnreachable.WITHHOLD
        since = (
            f"has not been read for {timesince(calendar.last_synced_at, now)}"
            if calendar.last_synced_at
            else ("has not been read yet")
        )
        messages.warning(
            request,
            format_html(
                '<a href="{}">{}’s calendar “{}”</a> {}: {}',
                reverse("admin:scheduling_calendar_change", args=[calendar.pk]),
                calendar.clinician,
                calendar.name,
                since,
                "none of their times are offered." if withheld else "their times are offered as last known.",
            ),
        )
    if len(found) > MAX_WARNINGS:
        more = format_html('<a href="{}">all calendars</a>', reverse("admin:scheduling_calendar_changelist"))
        messages.warning(request, format_html("{} more cannot be read: see {}.", len(found) - MAX_WARNINGS, more))


def render_add_calendar_link(request, clinician):
    """Return a link to the add form for a calendar of the clinician, or None without permission."""
    if not request.user.has_perm("scheduling.add_calendar"):
        return None
    page = reverse("admin:scheduling_calendar_add", query={"clinician": clinician.pk})
    return format_html('<a href="{}">Add a calendar of {}</a>', page, clinician)


class CalendarWarningsMixin:
    """A ModelAdmin whose list starts with warnings about calendars that cannot be read."""

    def changelist_view(self, request, extra_context=None):
        if request.method == "GET":
            warn_about_unreachable(request)
        return super().changelist_view(request, extra_context)
