"""The sync state of calendars elsewhere, and warnings about those that cannot be read or understood."""

from django.contrib import messages
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timesince import timesince

from scheduling.calendars.status import describe_unread_days
from scheduling.calendars.storing import get_readable_calendars
from scheduling.models import Calendar

MAX_WARNINGS = 3  # of each kind


def get_calendar_state(calendar, *, at):
    """Return a phrase that says when the calendar was last read or written to."""
    if not calendar.is_active:
        return "not used"
    verb = "written to" if calendar.kind == Calendar.Kind.CALDAV else "read"
    if calendar.last_synced_at is None:
        return f"not {verb} yet"
    age = timesince(calendar.last_synced_at, at)
    is_stale = calendar.kind in Calendar.READ_KINDS and calendar.is_unreachable(at=at)
    return f"not {verb} for {age}" if is_stale else f"{verb} {age} ago"


def warn_about_calendars(request, **conditions):
    """Warn staff who may view calendars about those that cannot be read, and about events that were not understood."""
    if not request.user.has_perm("scheduling.view_calendar"):
        return
    of_active = Q(clinician__is_active=True) | Q(location__is_active=True)
    calendars = get_readable_calendars().filter(of_active, **conditions).select_related("clinician", "location")
    warn_about_unreachable(request, calendars)
    warn_about_unread_events(request, calendars)


def warn_about_unreachable(request, calendars):
    """Warn about those of the calendars that have not been read for too long, and say what that means."""
    now = timezone.now()
    stale = Q(last_synced_at__isnull=True) | Q(last_synced_at__lte=now - Calendar.STALE_AFTER)
    found = list(calendars.filter(stale))
    for calendar in found[:MAX_WARNINGS]:
        since = f"for {timesince(calendar.last_synced_at, now)}" if calendar.last_synced_at else "yet"
        link, effect = render_calendar_link(calendar), get_effect_of_silence(calendar)
        messages.warning(request, format_html("{} has not been read {}: {}", link, since, effect))
    if len(found) > MAX_WARNINGS:
        warn_about_more(request, "cannot be read", len(found) - MAX_WARNINGS, level=messages.WARNING)


def get_effect_of_silence(calendar):
    if calendar.kind == Calendar.Kind.HOLIDAYS:
        return "the location is closed on the holidays that were known last."
    withheld = calendar.when_unreachable == Calendar.WhenUnreachable.WITHHOLD
    return "none of their times are offered." if withheld else "their times are offered as last known."


def warn_about_unread_events(request, calendars):
    """Warn about those of the calendars that have events which were not understood and which nobody has ignored."""
    unread = calendars.filter(unread_events__isnull=False, unread_events__ignored_at__isnull=True)
    found = list(unread.annotate(unread_days=ArrayAgg("unread_events__day")))
    for calendar in found[:MAX_WARNINGS]:
        days = describe_unread_days(calendar.unread_days, today=timezone.localdate())
        link, sentences = render_calendar_link(calendar), " ".join(day.message for day in days[:MAX_WARNINGS])
        more = " …" if len(days) > MAX_WARNINGS else ""
        messages.error(request, format_html("{}: {}{}", link, sentences, more))
    if len(found) > MAX_WARNINGS:
        warn_about_more(request, "have such events", len(found) - MAX_WARNINGS, level=messages.ERROR)


def render_calendar_link(calendar):
    page = reverse("admin:scheduling_calendar_change", args=[calendar.pk])
    owner = calendar.clinician or calendar.location
    return format_html('<a href="{}">{}’s calendar “{}”</a>', page, owner, calendar.name)


def warn_about_more(request, predicate, number, *, level):
    everything = format_html('<a href="{}">all calendars</a>', reverse("admin:scheduling_calendar_changelist"))
    messages.add_message(request, level, format_html("{} more {}: see {}.", number, predicate, everything))


def render_add_calendar_link(request, owner, **initial):
    """Return a link to the add form for a calendar of ``owner``, or None without permission."""
    if not request.user.has_perm("scheduling.add_calendar"):
        return None
    page = reverse("admin:scheduling_calendar_add", query=initial)
    return format_html('<a href="{}">Add a calendar of {}</a>', page, owner)


def render_calendar_states(calendars):
    """Return a line for each of the calendars, with its state, or None if there is none."""
    now = timezone.now()
    lines = [
        (reverse("admin:scheduling_calendar_change", args=[each.pk]), each.name, get_calendar_state(each, at=now))
        for each in calendars
    ]
    return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a>: {}', lines) or None


class CalendarWarningsMixin:
    """A ModelAdmin whose list starts with warnings about calendars that cannot be read or understood."""

    def changelist_view(self, request, extra_context=None):
        if request.method == "GET":
            warn_about_calendars(request)
        return super().changelist_view(request, extra_context)
