"""Whether clinicians' calendars elsewhere are read as they should be, and warnings where they are not."""

from django.contrib import messages
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince

from scheduling.calendars.storing import calendars_to_read
from scheduling.models import Calendar

MAX_WARNINGS = 3


def get_calendar_state(calendar, *, at):
    """Return in words whether a calendar is read, or written to, as it should be."""
    if not calendar.is_active:
        return "not used"
    done = "written to" if calendar.kind == Calendar.Kind.CALDAV else "read"
    if calendar.last_synced_at is None:
        return f"not {done} yet"
    age = timesince(calendar.last_synced_at, at)
    is_stale = calendar.kind == Calendar.Kind.ICALENDAR and calendar.is_unreachable(at=at)
    return f"not {done} for {age}" if is_stale else f"{done} {age} ago"


def unreachable(*, at):
    """Return the query of the calendars that are to be read and have not been for too long."""
    unread = Q(last_synced_at__isnull=True) | Q(last_synced_at__lte=at - Calendar.STALE_AFTER)
    return calendars_to_read().filter(unread, clinician__is_active=True).select_related("clinician")


def warn_about_unreachable(request, **of):
    """Say which calendars cannot be read, and what that means for their clinicians, to whom may know of them."""
    if not request.user.has_perm("scheduling.view_calendar"):
        return
    now = timezone.now()
    found = list(unreachable(at=now).filter(**of))
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


def add_calendar(request, clinician):
    """Return a link to where a calendar of the clinician is added, or None for who may not."""
    if not request.user.has_perm("scheduling.add_calendar"):
        return None
    page = reverse("admin:scheduling_calendar_add", query={"clinician": clinician.pk})
    return format_html('<a href="{}">Add a calendar of {}</a>', page, clinician)


class WarnsOfCalendars:
    """A list of the schedule, above which stands which calendars cannot be read."""

    def changelist_view(self, request, extra_context=None):
        if request.method == "GET":
            warn_about_unreachable(request)
        return super().changelist_view(request, extra_context)
