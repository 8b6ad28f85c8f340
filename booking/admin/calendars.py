"""Clinicians' calendars again, with what is for those that appointments are written into."""

from django.contrib import admin, messages

from booking.admin.page_buttons import PageButtons
from booking.domain.notifications import push_upcoming
from booking.integrations.calendars.caldav import CalendarRefused, check
from scheduling.admin import CalendarAdmin
from scheduling.models import Calendar

NOTHING_IS_DELETED = "When it is switched off or removed here, what was written into it stays there."
NOT_WRITTEN = "is not written into: it is only read, or not used."


def is_written(calendar):
    return calendar.kind == Calendar.Kind.CALDAV and calendar.is_active


admin.site.unregister(Calendar)


@admin.register(Calendar)
class WrittenCalendarAdmin(PageButtons, CalendarAdmin):
    change_form_template = "admin/scheduling/calendar/change_form.html"
    actions = [*CalendarAdmin.actions, "put_coming"]
    buttons = ["test", "fill"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if "is_active" in form.base_fields:
            form.base_fields["is_active"].help_text = NOTHING_IS_DELETED
        return form

    def render_change_form(self, request, context, obj=None, **kwargs):
        context["is_written"] = obj and is_written(obj)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    @admin.action(description="Put all coming appointments into the selected calendars", permissions=["change"])
    def put_coming(self, request, queryset):
        for calendar in queryset:
            self.fill_button(request, calendar)

    def test_button(self, request, calendar):
        """Say whether the calendar can be written into."""
        if not is_written(calendar):
            messages.warning(request, f"{calendar} {NOT_WRITTEN}")
            return
        try:
            check(calendar)
        except CalendarRefused as refusal:
            messages.error(request, f"{calendar}: {refusal}")
        else:
            messages.success(request, f"{calendar} answers and can be written into.")

    def fill_button(self, request, calendar):
        """Put all coming appointments into the calendar."""
        if not is_written(calendar):
            messages.warning(request, f"{calendar} {NOT_WRITTEN}")
            return
        number = push_upcoming(calendar)
        self.log_change(request, calendar, "All coming appointments are put into it.")
        messages.success(request, f"Coming appointments that are being put into {calendar}: {number}.")
