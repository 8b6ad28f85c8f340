"""Calendar feeds: managers create one for any clinician, clinicians for themselves. The address is shown once."""

from urllib.parse import urljoin

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import reverse

from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.permissions import has_appointment_permission
from booking.admin.secret_pages import render_secret
from booking.integrations.calendars.feed import make_feed, revoke_feed
from booking.models import CalendarFeed
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.models import Clinician

DESCRIPTION = (
    "A feed has the clinician's appointments: when, what and where. It names no patient, but whoever has its address "
    "sees when the clinician works."
)
SUBSCRIPTION_ADVICE = (
    "Subscribe to it in your own calendar: as “from URL” in Google Calendar, “from web” in Outlook, “new calendar "
    "subscription” on a Mac or iPhone. It names no patient, but whoever has the address sees when you work: "
    "if it gets about, make a new one."
)


def get_feed_url(clinician, request):
    """Return the address of the clinician's feed page or its add form, or None without permission."""
    if not request.user.has_perm("booking.view_calendarfeed"):
        return None
    if CalendarFeed.objects.filter(pk=clinician.pk).exists():
        return reverse("admin:booking_calendarfeed_change", args=[clinician.pk])
    return reverse("admin:booking_calendarfeed_add", query={"clinician": clinician.pk})


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ObjectToolsMixin, EditConflictMixin, admin.ModelAdmin):
    list_display = ["clinician", "created_at", "last_read_at"]
    list_select_related = ["clinician"]
    search_fields = ["clinician__name"]
    show_full_result_count = False
    change_form_template = "admin/booking/calendarfeed/change_form.html"
    object_tools = ["renew", "revoke"]

    # Permissions: who sees all appointments manages every feed, a clinician only their own.

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician")
        return rows if has_appointment_permission(request, "view_all") else rows.filter(clinician__user=request.user.pk)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        clinicians = Clinician.objects.filter(feed=None)
        kwargs["queryset"] = (
            clinicians if has_appointment_permission(request, "view_all") else clinicians.filter(user=request.user.pk)
        )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "clinician":
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def has_delete_permission(self, request, obj=None):
        return False

    # The page

    def get_fieldsets(self, request, obj=None):
        fields = ["clinician", "created_at", "last_read_at"] if obj else ["clinician"]
        return [(None, {"fields": fields, "description": DESCRIPTION})]

    def get_readonly_fields(self, request, obj=None):
        return ["clinician", "created_at", "last_read_at"] if obj else []

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        if not has_appointment_permission(request, "view_all"):
            initial["clinician"] = Clinician.objects.filter(user=request.user.pk).values_list("pk", flat=True).first()
        return initial

    def render_change_form(self, request, context, obj=None, **kwargs):
        if obj:  # nothing to save: the page has object tools only
            context |= dict.fromkeys(["show_save", "show_save_and_continue", "show_save_and_add_another"], False)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def save_model(self, request, obj, form, change):
        if not change:
            obj.token = make_feed(obj.clinician)

    def response_add(self, request, obj, post_url_continue=None):
        return self._render_secret(request, obj, obj.token)

    def _render_secret(self, request, feed, token):
        site = settings.SITE_URL or request.build_absolute_uri("/")
        return render_secret(
            self,
            request,
            title="Copy the address now",
            what="the address of the calendar of",
            name=feed.clinician,
            secret=urljoin(site, reverse("calendar_feed", args=[token])),
            advice=SUBSCRIPTION_ADVICE,
            page=self.get_change_url(feed),
        )

    # Object tools

    def renew_tool(self, request, feed):
        """Replace the feed's address."""
        token = make_feed(feed.clinician)
        self.log_change(request, feed, "Renewed.")
        return self._render_secret(request, feed, token)

    def revoke_tool(self, request, feed):
        """End the feed."""
        self.log_change(request, feed, "Revoked.")
        messages.success(request, f"The calendar of {feed.clinician} is no longer at its address.")
        revoke_feed(feed)
        return HttpResponseRedirect(reverse("admin:booking_calendarfeed_changelist"))
