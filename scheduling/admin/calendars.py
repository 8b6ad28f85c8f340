"""Calendars elsewhere. Their addresses are as good as passwords, and are never shown."""

from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.html import format_html

from scheduling.admin.address_lookup import AddressLookupMixin
from scheduling.admin.calendar_warnings import CalendarWarningsMixin, get_calendar_state
from scheduling.admin.protected_admin import ScheduleAdmin
from scheduling.calendars.reading import get_origin, normalize_address
from scheduling.calendars.storing import discard_reading, get_readable_calendars
from scheduling.calendars.syncing import sync_calendar, sync_calendars
from scheduling.lib.safe_http import NotPublic
from scheduling.lib.timezones import format_local
from scheduling.models import Calendar
from scheduling.models.local_zones import get_home_zone

READ_TIMEOUT = 5  # seconds that staff wait for the page
UNREAD_EVENTS = Count("unread_events", filter=Q(unread_events__ignored_at__isnull=True))

KINDS_HELP = (
    "Read: an iCalendar (.ics) address, which Google calls “secret address in iCal format”, Outlook a published "
    "calendar's ICS link. The clinician is not offered when that calendar says they are busy. "
    "Write: a CalDAV collection, into which their appointments are put. "
    "Holidays: an iCalendar address too, of a location instead of a clinician, which is closed on its all-day events."
)
NO_CLINICIAN = "Choose whose calendar it is."
EVERYWHERE_HELP = "Of holidays only: one calendar for each active location, instead of for one."
NOT_OF_LOCATION = "Only a calendar of holidays belongs to a location: leave this empty."
NO_LOCATION = "Choose the location that is closed on these holidays."
NOT_OF_CLINICIAN = "Holidays belong to a location: leave this empty."
ADDRESS_HELP = "Whoever has it can read the calendar, so it is not shown again: only where it leads."
REFUSED_ADDRESS = (
    "This address cannot be used: it must begin with https:// (or webcal://) and lead to the public internet, "
    "on port 443 or 8443."
)
UNKNOWN_ADDRESS = "Nothing is found at that address: check how its name is spelled."
TYPE_AGAIN = "Type the password again: it is only ever sent to the address it was given for."


class CalendarForm(forms.ModelForm):
    """A calendar's address and login. Secrets are never rendered; left empty, they stay unchanged."""

    url = forms.CharField(
        label="Address",
        max_length=2000,
        help_text=ADDRESS_HELP,
        widget=forms.TextInput(
            attrs={"class": "vLargeTextField", "autocomplete": "off", "spellcheck": "false", "size": 80}
        ),
    )
    everywhere = forms.BooleanField(label="At every location", required=False, help_text=EVERYWHERE_HELP)
    password = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Only for calendars that ask for one. Take one that was made for this, if there is such a thing.",
    )

    class Meta:
        model = Calendar
        fields = [
            "clinician",
            "location",
            "name",
            "kind",
            "url",
            "username",
            "password",
            "when_unreachable",
            "is_active",
        ]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["url"].required = False
            self.initial["url"] = self.initial["password"] = ""
            for name, stored in (("url", get_host(self.instance)), ("password", self.instance.password and "••••••••")):
                self.fields[name].widget.attrs["placeholder"] = f"{stored} (unchanged)" if stored else ""

    def clean_url(self):
        address = normalize_address(self.cleaned_data["url"])
        if not address:
            return self.instance.url
        if self.address_error:
            raise forms.ValidationError(
                REFUSED_ADDRESS if isinstance(self.address_error, NotPublic) else UNKNOWN_ADDRESS
            )
        return address

    def clean(self):
        super().clean()
        fields, calendar = self.cleaned_data, self.instance
        self._check_owner(fields)
        if not fields.get("username"):
            fields["password"] = ""
        elif not fields.get("password"):
            fields["password"] = calendar.password
            given_for = (calendar.username, get_origin(calendar.url))
            if calendar.password and "url" in fields and (fields["username"], get_origin(fields["url"])) != given_for:
                self.add_error("password", TYPE_AGAIN)

    def list_locations(self):
        """Return the active locations that can be chosen."""
        return list(self.fields["location"].queryset.filter(is_active=True).order_by("name"))

    def _check_owner(self, fields):
        """Refuse a calendar of nobody, or of a clinician and a location."""
        if fields.get("kind") == Calendar.Kind.HOLIDAYS:
            if fields.get("everywhere") and self.instance._state.adding:
                fields["location"] = next(iter(self.list_locations()), None)
            fields["when_unreachable"] = Calendar.WhenUnreachable.OFFER  # which is what holidays do
            needed, other, missing, surplus = "location", "clinician", NO_LOCATION, NOT_OF_CLINICIAN
        else:
            needed, other, missing, surplus = "clinician", "location", NO_CLINICIAN, NOT_OF_LOCATION
        if needed in fields and not fields[needed]:
            self.add_error(needed, missing)
        if fields.get(other):
            self.add_error(other, surplus)


def get_host(calendar):
    """Return the part of a calendar's address that is not secret."""
    parts = urlsplit(calendar.url)
    return f"{parts.scheme}://{parts.hostname}/…"


@admin.action(description="Read the selected calendars now", permissions=["change"])
def read_now(model_admin, request, queryset):
    calendars = list(get_readable_calendars().filter(pk__in=queryset).select_related("clinician", "location")[:50])
    failures = sync_calendars(calendars, timeout=READ_TIMEOUT)
    for calendar in calendars:
        report_result(request, calendar, failures[calendar.pk])
    if not calendars:
        messages.warning(request, "None of these is read: they are written to, or not used.")


def report_result(request, calendar, failure):
    """Add a message about the result of reading a calendar."""
    if failure:
        messages.error(request, f"{calendar}: {failure}")
    else:
        messages.success(request, f"{calendar} has been read.")


@admin.register(Calendar)
class CalendarAdmin(CalendarWarningsMixin, AddressLookupMixin, ScheduleAdmin):
    form = CalendarForm
    read_address = staticmethod(normalize_address)
    list_display = ["name", "owner", "kind", "host", "state", "not_understood", "last_error", "is_active"]
    list_filter = ["kind", "is_active", "clinician", "location"]
    list_select_related = ["clinician", "location"]
    search_fields = ["name", "clinician__name", "location__name"]
    show_full_result_count = False
    actions = [read_now]
    readonly_fields = ["host", "state", "last_reached", "last_tried", "next_read", "last_error"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(home=get_home_zone(), unread=UNREAD_EVENTS)

    def get_fieldsets(self, request, obj=None):
        is_permitted = self.has_change_permission(request, obj) if obj else True
        # Django renders read-only fields as they are, so show the host instead of the address.
        secrets = ["url", "username", "password"] if is_permitted else ["host"]
        owner = ["clinician", "location"] if obj else ["clinician", "location", "everywhere"]
        shown = [
            (None, {"fields": ["name", "kind", *owner, *secrets], "description": KINDS_HELP}),
            ("Used", {"fields": ["when_unreachable", "is_active"]}),
        ]
        state = ("Now", {"fields": ["state", "last_error", "last_reached", "last_tried", "next_read"]})
        return [*shown, state] if obj else shown

    def get_changeform_initial_data(self, request):
        return {"name": "Own calendar", **super().get_changeform_initial_data(request)}

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change or {"clinician", "location", "kind", "url", "username", "password", "is_active"} & set(
            form.changed_data
        ):
            discard_reading(obj)
            # After the commit: no transaction waits for a network.
            transaction.on_commit(partial(self.read_calendar, request, obj))

        if not change and obj.kind == Calendar.Kind.HOLIDAYS and form.cleaned_data.get("everywhere"):
            self._copy_everywhere(request, obj, form.list_locations())

    def _copy_everywhere(self, request, calendar, locations):
        """Save the same calendar of holidays for the other locations, too: it is read for each in its own time zone."""
        for location in locations:
            if location != calendar.location:
                copy = Calendar.objects.get(pk=calendar.pk)
                copy.pk, copy.location, copy._state.adding = uuid4(), location, True
                copy.save()
                transaction.on_commit(partial(self.read_calendar, request, copy))

    def read_calendar(self, request, calendar):
        if calendar.kind in Calendar.READ_KINDS and calendar.is_active:
            report_result(request, calendar, sync_calendar(calendar, timeout=READ_TIMEOUT))

    @admin.display(description="whose", ordering="clinician__name")
    def owner(self, calendar):
        return calendar.clinician or calendar.location

    @admin.display(description="not understood", ordering="unread")
    def not_understood(self, calendar):
        """Return how many of its events were not understood and are not ignored, in red."""
        return format_html('<span class="state state-failed">{}</span>', calendar.unread) if calendar.unread else None

    @admin.display(description="leads to")
    def host(self, calendar):
        return get_host(calendar)

    @admin.display(ordering="last_synced_at")
    def state(self, calendar):
        return get_calendar_state(calendar, at=timezone.now())

    @admin.display(description="last reached")
    def last_reached(self, calendar):
        return self._format_local(calendar, calendar.last_synced_at)

    @admin.display(description="last tried")
    def last_tried(self, calendar):
        return self._format_local(calendar, calendar.last_tried_at)

    @admin.display(description="next read")
    def next_read(self, calendar):
        return self._format_local(calendar, calendar.due_at if calendar.kind in Calendar.READ_KINDS else None)

    def _format_local(self, calendar, moment):
        return moment and format_local(moment, ZoneInfo(calendar.home), unless=calendar.home)
