"""Clinicians' calendars again, with what is for those that appointments are written into."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse

from scheduling.calendar_admin import CalendarAdmin
from scheduling.models import Calendar

from ..calendars.caldav import CalendarRefused, check
from ..following import push_coming

NOTHING_IS_DELETED = "When it is switched off or removed here, what was written into it stays there."
NOT_WRITTEN = "is not written into: it is only read, or not used."


def is_written(calendar):
    return calendar.kind == Calendar.Kind.CALDAV and calendar.is_active


admin.site.unregister(Calendar)


@admin.register(Calendar)
class WrittenCalendarAdmin(CalendarAdmin):
    change_form_template = "admin/scheduling/calendar/change_form.html"
    actions = [*CalendarAdmin.actions, "put_coming"]

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

    # What the buttons of its page do

    def get_urls(self):
        return [
            path(f"<uuid:calendar_id>/{name}/", self.admin_site.admin_view(view), name=f"scheduling_calendar_{name}")
            for name, view in [("test", self.test_view), ("fill", self.fill_view)]
        ] + super().get_urls()

    def test_view(self, request, calendar_id):
        """Say whether the calendar can be written into."""
        return self._do(request, calendar_id, self._test)

    def fill_view(self, request, calendar_id):
        """Put all coming appointments into the calendar."""
        return self._do(request, calendar_id, self._fill)

    def _do(self, request, calendar_id, action):
        calendar = self.get_queryset(request).filter(pk=calendar_id).first()
        if calendar is None:
            raise Http404
        if not self.has_change_permission(request, calendar):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        action(request, calendar)
        return HttpResponseRedirect(reverse("admin:scheduling_calendar_change", args=[calendar.pk]))

    @admin.action(description="Put all coming appointments into the selected calendars", permissions=["change"])
    def put_coming(self, request, queryset):
        for calendar in queryset:
            self._fill(request, calendar)

    def _test(self, request, calendar):
        if not is_written(calendar):
            messages.warning(request, f"{calendar} {NOT_WRITTEN}")
            return
        try:
            check(calendar)
        except CalendarRefused as refusal:
            messages.error(request, f"{calendar}: {refusal}")
        else:
            messages.success(request, f"{calendar} answers and can be written into.")

    def _fill(self, request, calendar):
        if not is_written(calendar):
            messages.warning(request, f"{calendar} {NOT_WRITTEN}")
            return
        number = push_coming(calendar)
        self.log_change(request, calendar, "All coming appointments are put into it.")
        messages.success(request, f"Coming appointments that are being put into {calendar}: {number}.")
