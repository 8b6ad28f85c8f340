"""The waiting lists: who waits for what, in which order, and how each list works."""

from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, DurationField, Prefetch, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.html import format_html

from booking.admin.events import list_events
from booking.admin.nameless_log import NamelessLogMixin
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.permissions import get_actor
from booking.domain.waitlist import MAX_PER_ADDRESS, WishEnded, change_entry, end_entry, has_many_wishes, join
from booking.models import Waitlist, WaitlistEntry, WaitlistOffer
from patients.admin.filters import DefaultFilter
from patients.admin.forms import EditConflictForm
from scheduling.admin.forms import DurationField as DurationFormField
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.timezones import format_local
from scheduling.models.local_zones import get_home_zone

WISH = ["weekdays", "parts_of_day", "first_day", "last_day", "clinician", "location", "is_remote"]
CONTACT = ["first_name", "last_name", "email", "phone"]


class WaitlistEntryForm(EditConflictForm):
    """Somebody's wish, as staff write it down."""

    weekdays = forms.TypedMultipleChoiceField(
        choices=list(WEEKDAYS.items()),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Days",
        help_text="None: any day.",
    )
    parts_of_day = forms.MultipleChoiceField(
        choices=WaitlistEntry.PartOfDay.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: any time.",
    )

    def clean(self):
        fields = super().clean()
        if self.instance._state.adding and fields.get("email") and has_many_wishes(fields["email"]):
            self.add_error("email", f"That address is on {MAX_PER_ADDRESS} lists already: take it off one of them.")
        return fields


class StatusFilter(DefaultFilter):
    """Filter by status: who waits by default."""

    default = "Waiting"
    title = "status"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [*(choice for choice in WaitlistEntry.Status.choices if choice[0] != "waiting"), ("all", "All")]

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(status=self.value() or WaitlistEntry.Status.WAITING)


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(NamelessLogMixin, ObjectToolsMixin, admin.ModelAdmin):
    form = WaitlistEntryForm
    list_display = ["person", "service", "wish", "since", "priority", "status", "offer"]
    list_editable = ["priority"]
    list_filter = [StatusFilter, "service", "location", "clinician"]
    search_fields = ["first_name", "last_name", "email"]
    show_full_result_count = False
    list_per_page = 50
    actions = ["remove"]
    object_tools = ["remove"]
    change_form_template = "admin/booking/order/change_form.html"
    readonly_fields = ["person", "email", "phone", "since", "status", "offer", "appointment"]

    # Permissions

    def has_delete_permission(self, request, obj=None):
        return False  # they are taken off the list, and deleted a day later

    # The list

    def get_queryset(self, request):
        related = ("service", "clinician", "location", "appointment__location")
        rows = super().get_queryset(request).select_related(*related).annotate(home=get_home_zone())
        held = WaitlistOffer.objects.filter(outcome="open").select_related("hold__location")
        return rows.prefetch_related(Prefetch("offers", held, to_attr="open_offers"))

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Who waits for a time", **(extra_context or {})})

    def get_changelist_form(self, request, **kwargs):
        return super().get_changelist_form(request, **{"form": EditConflictForm, **kwargs})

    @admin.display(description="who", ordering="last_name")
    def person(self, entry):
        return entry.name

    @admin.display(description="for")
    def wish(self, entry):
        days = ", ".join(str(WEEKDAYS_ABBR[day]) for day in sorted(entry.weekdays))
        parts = ", ".join(entry.parts_of_day)
        first = f"from {entry.first_day:%-d %b}" if entry.first_day else ""
        how = {True: "by video", False: "" if entry.location else "in person", None: ""}[entry.is_remote]
        whom, where = entry.clinician and str(entry.clinician), entry.location and str(entry.location)
        earlier = f"earlier than {entry.appointment}" if entry.appointment else ""
        last = f"until {entry.last_day:%-d %b %Y}"
        return ", ".join(filter(None, [earlier, days, parts, first, last, whom, where, how]))

    @admin.display(description="waits since", ordering="waiting_since", empty_value="–")
    def since(self, entry):
        zone = ZoneInfo(entry.home)
        return entry.waiting_since and format_local(
            entry.waiting_since, zone, unless=entry.home, pattern="%-d %b %Y, %H:%M"
        )

    @admin.display(description="held for them", empty_value="–")
    def offer(self, entry):
        now = timezone.now()
        live = [offer.hold for offer in entry.open_offers if offer.hold.is_live(now)]
        return ", ".join(self._describe_hold(hold, entry.home) for hold in live) or None

    @staticmethod
    def _describe_hold(hold, home):
        zone, pattern = hold.location.zone, "%a %-d %b, %H:%M"
        times = [format_local(at, zone, unless=home, pattern=pattern) for at in (hold.starts_at, hold.expires_at)]
        return "{}, until {}".format(*times)

    @admin.action(description="Take off the list", permissions=["change"])
    def remove(self, request, queryset):
        for entry in queryset:
            self._remove(request, entry)

    def _remove(self, request, entry):
        end_entry(entry, WaitlistEntry.Status.REMOVED, actor=get_actor(request))
        messages.success(request, f"Off the list: {entry}.")

    # The page

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            return [(None, {"fields": ["service", *CONTACT]}), ("Which times suit", {"fields": [*WISH, "priority"]})]
        first = ["person", "email", "phone", "service", "status", "since", "offer"]
        first += ["appointment"] if obj.appointment_id else []
        return [(None, {"fields": first}), ("Which times suit", {"fields": [*WISH, "priority"]})]

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        is_live = obj.status in WaitlistEntry.LIVE
        return [*self.readonly_fields, "service", *([] if is_live else [*WISH, "priority"])]

    def save_model(self, request, obj, form, change):
        actor = get_actor(request)
        if not change:
            join(obj, actor=actor, is_proven=True)
            return
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        try:
            change_entry(obj, actor=actor, **changes)
        except WishEnded:
            messages.error(request, "That wish is off the list by now. Nothing was saved.")

    def render_change_form(self, request, context, obj=None, **kwargs):
        if obj:
            is_live = obj.status in WaitlistEntry.LIVE and self.has_change_permission(request, obj)
            tools = [("remove", "Take off the list")] if is_live else []
            context |= {"tools": tools, "log": list_events(obj, zone=ZoneInfo(obj.home))}
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def remove_tool(self, request, entry):
        """Take a wish off the list."""
        self._remove(request, entry)


@admin.register(Waitlist)
class WaitlistAdmin(EditConflictMixin, admin.ModelAdmin):
    list_display = ["service", "is_open", "answer_time", "waiting"]
    fields = ["service", "is_open", "answer_time"]
    formfield_overrides = {DurationField: {"form_class": DurationFormField}}

    def get_queryset(self, request):
        waiting = Count("service__waitlist_entries", filter=Q(service__waitlist_entries__status="waiting"))
        return super().get_queryset(request).select_related("service").annotate(waiting=waiting)

    def get_readonly_fields(self, request, obj=None):
        return ["service"] if obj else []

    @admin.display(ordering="waiting")
    def waiting(self, waitlist):
        page = reverse("admin:booking_waitlistentry_changelist", query={"service__id__exact": waitlist.pk})
        return format_html('<a href="{}">{}</a>', page, waitlist.waiting)
