"""Calendar feeds: a manager gives any clinician one, a clinician themselves. Its address is shown once."""

from urllib.parse import urljoin

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import reverse

from booking.admin.moves import may
from booking.admin.page_buttons import PageButtons
from booking.admin.secret_page import show_once
from booking.integrations.calendars.feed import make_feed, revoke_feed
from booking.models import CalendarFeed
from scheduling.models import Clinician

WHAT_IT_SHOWS = (
    "A feed has the clinician's appointments: when, what and where. It names no patient, but whoever has its address "
    "sees when the clinician works."
)
ADVICE = (
    "Subscribe to it in your own calendar: as “from URL” in Google Calendar, “from web” in Outlook, “new calendar "
    "subscription” on a Mac or iPhone. It names no patient, but whoever has the address sees when you work: "
    "if it gets about, make a new one."
)


def get_feed_url(clinician, request):
    """Return the page of a clinician's feed, or where to make one; None for who may not."""
    if not request.user.has_perm("booking.view_calendarfeed"):
        return None
    if CalendarFeed.objects.filter(pk=clinician.pk).exists():
        return reverse("admin:booking_calendarfeed_change", args=[clinician.pk])
    return reverse("admin:booking_calendarfeed_add", query={"clinician": clinician.pk})


@admin.register(CalendarFeed)
class CalendarFeedAdmin(PageButtons, admin.ModelAdmin):
    list_display = ["clinician", "created_at", "last_read_at"]
    list_select_related = ["clinician"]
    search_fields = ["clinician__name"]
    show_full_result_count = False
    change_form_template = "admin/booking/calendarfeed/change_form.html"
    buttons = ["renew", "revoke"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    # Who may: whoever sees everybody's appointments, for everybody; a clinician for themselves.

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician")
        return rows if may(request, "view_all") else rows.filter(clinician__user=request.user.pk)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        clinicians = Clinician.objects.filter(feed=None)
        kwargs["queryset"] = clinicians if may(request, "view_all") else clinicians.filter(user=request.user.pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "clinician":
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def has_delete_permission(self, request, obj=None):
        return False

    # One feed

    def get_fieldsets(self, request, obj=None):
        fields = ["clinician", "created_at", "last_read_at"] if obj else ["clinician"]
        return [(None, {"fields": fields, "description": WHAT_IT_SHOWS})]

    def get_readonly_fields(self, request, obj=None):
        return ["clinician", "created_at", "last_read_at"] if obj else []

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        if not may(request, "view_all"):
            initial["clinician"] = Clinician.objects.filter(user=request.user.pk).values_list("pk", flat=True).first()
        return initial

    def render_change_form(self, request, context, obj=None, **kwargs):
        if obj:  # there is nothing to save: it has only its buttons
            context |= dict.fromkeys(["show_save", "show_save_and_continue", "show_save_and_add_another"], False)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def save_model(self, request, obj, form, change):
        if not change:
            obj.token = make_feed(obj.clinician)

    def response_add(self, request, obj, post_url_continue=None):
        return self._show_once(request, obj, obj.token)

    def _show_once(self, request, feed, token):
        site = settings.SITE_URL or request.build_absolute_uri("/")
        return show_once(
            self,
            request,
            title="Copy the address now",
            what="the address of the calendar of",
            name=feed.clinician,
            plain=urljoin(site, reverse("calendar_feed", args=[token])),
            advice=ADVICE,
            page=self.page_of(feed),
        )

    # Verbs

    def renew_button(self, request, feed):
        """Give the feed another address."""
        token = make_feed(feed.clinician)
        self.log_change(request, feed, "Renewed.")
        return self._show_once(request, feed, token)

    def revoke_button(self, request, feed):
        """End the feed."""
        self.log_change(request, feed, "Revoked.")
        messages.success(request, f"The calendar of {feed.clinician} is no longer at its address.")
        revoke_feed(feed)
        return HttpResponseRedirect(reverse("admin:booking_calendarfeed_changelist"))
