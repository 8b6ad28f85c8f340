"""The admin of clinicians' calendars, extended for those that we write appointments to."""

import re
from collections import defaultdict

from django.contrib import admin, messages
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.permissions import get_actor
from booking.domain import notifications
from booking.domain.stranded_visits import mark_on_holidays
from booking.integrations.calendars.caldav import CalendarRefused, check_calendar
from scheduling.admin import CalendarAdmin
from scheduling.admin.calendars import READ_TIMEOUT, report_result
from scheduling.calendars.status import describe_unread_days
from scheduling.calendars.storing import set_ignored
from scheduling.calendars.syncing import sync_calendar
from scheduling.models import Calendar

KEPT_EVENTS_HELP = "When it is switched off or removed here, what was written into it stays there."
NOT_WRITABLE = "is not written into: it is only read, or not used."


def is_writable(calendar):
    return calendar.kind == Calendar.Kind.CALDAV and calendar.is_active


def list_unread_days(calendar):
    """Return (UnreadDay, ids of its events, whether they are ignored), with those that are ignored last."""
    listed = []
    for are_ignored in (False, True):
        ids = defaultdict(list)
        for event in calendar.unread_events.filter(ignored_at__isnull=not are_ignored):
            ids[event.day].append(event.pk)
        days = [day for day, events in ids.items() for _ in events]
        found = describe_unread_days(days, today=timezone.localdate(), are_ignored=are_ignored)
        listed += [(unread, ids[unread.day], are_ignored) for unread in found]
    return listed


admin.site.unregister(Calendar)


@admin.register(Calendar)
class WritableCalendarAdmin(ObjectToolsMixin, CalendarAdmin):
    change_form_template = "admin/scheduling/calendar/change_form.html"
    actions = [*CalendarAdmin.actions, "push_upcoming"]
    object_tools = ["test", "fill", "ignore", "stop_ignoring"]

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if "is_active" in form.base_fields:
            form.base_fields["is_active"].help_text = KEPT_EVENTS_HELP
        return form

    def render_change_form(self, request, context, obj=None, **kwargs):
        context["is_writable"] = obj and is_writable(obj)
        context["unread_days"] = list_unread_days(obj) if obj else []
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def read_calendar(self, request, calendar):
        super().read_calendar(request, calendar)
        if calendar.kind == Calendar.Kind.HOLIDAYS and (
            number := mark_on_holidays([calendar.location_id], actor=get_actor(request))
        ):
            visits = f"{number} visit{' is' if number == 1 else 's are'}"
            page = reverse("admin:stranded_visits")
            messages.warning(request, format_html('{} on these holidays. <a href="{}">Settle them</a>', visits, page))

    @admin.action(description="Put all coming appointments into the selected calendars", permissions=["change"])
    def push_upcoming(self, request, queryset):
        for calendar in queryset:
            self.fill_tool(request, calendar)

    def ignore_tool(self, request, calendar):
        """Ignore the events in question: they no longer block anything."""
        self._set_ignored(request, calendar, "Ignored", is_ignored=True)

    def stop_ignoring_tool(self, request, calendar):
        """Stop ignoring the events in question."""
        self._set_ignored(request, calendar, "No longer ignored", is_ignored=False)

    def _set_ignored(self, request, calendar, done, *, is_ignored):
        event_ids = [int(text) for text in request.POST.getlist("event") if re.fullmatch("[0-9]{1,18}", text)]
        events = set_ignored(calendar, event_ids, is_ignored=is_ignored)
        if not events:
            messages.warning(request, "The calendar has changed: it has no such event any more.")
            return
        days = ", ".join(sorted({str(event) for event in events}))
        self.log_change(request, calendar, f"{done}: what was not understood, {days}.")
        if calendar.is_active:
            report_result(request, calendar, sync_calendar(Calendar.objects.get(pk=calendar.pk), timeout=READ_TIMEOUT))

    def test_tool(self, request, calendar):
        """Check whether we can write to the calendar."""
        if not is_writable(calendar):
            messages.warning(request, f"{calendar} {NOT_WRITABLE}")
            return
        try:
            check_calendar(calendar)
        except CalendarRefused as refusal:
            messages.error(request, f"{calendar}: {refusal}")
        else:
            messages.success(request, f"{calendar} answers and can be written into.")

    def fill_tool(self, request, calendar):
        """Write all upcoming appointments to the calendar."""
        if not is_writable(calendar):
            messages.warning(request, f"{calendar} {NOT_WRITABLE}")
            return
        number = notifications.push_upcoming(calendar)
        self.log_change(request, calendar, "All coming appointments are put into it.")
        messages.success(request, f"Coming appointments that are being put into {calendar}: {number}.")
