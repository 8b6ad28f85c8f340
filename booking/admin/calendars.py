"""The admin of clinicians' calendars, extended for those that we write appointments to."""

from django.contrib import admin, messages

from booking.admin.object_tools import ObjectToolsMixin
from booking.domain import notifications
from booking.integrations.calendars.caldav import CalendarRefused, check_calendar
from scheduling.admin import CalendarAdmin
from scheduling.models import Calendar

KEPT_EVENTS_HELP = "When it is switched off or removed here, what was written into it stays there."
NOT_WRITABLE = "is not written into: it is only read, or not used."


def is_writable(calendar):
    return calendar.kind == Calendar.Kind.CALDAV and calendar.is_active


admin.site.unregister(Calendar)


@admin.register(Calendar)
class WritableCalendarAdmin(ObjectToolsMixin, CalendarAdmin):
    change_form_template = "admin/scheduling/calendar/change_form.html"
    actions = [*CalendarAdmin.actions, "push_upcoming"]
    object_tools = ["test", "fill"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if "is_active" in form.base_fields:
            form.base_fields["is_active"].help_text = KEPT_EVENTS_HELP
        return form

    def render_change_form(self, request, context, obj=None, **kwargs):
        context["is_writable"] = obj and is_writable(obj)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    @admin.action(description="Put all coming appointments into the selected calendars", permissions=["change"])
    def push_upcoming(self, request, queryset):
        for calendar in queryset:
            self.fill_tool(request, calendar)

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
