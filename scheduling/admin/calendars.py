"""Django admin for clinicians' calendars elsewhere. Their addresses are as good as passwords, and never shown."""

from functools import partial
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.utils import timezone

from scheduling.admin.address_lookup import LooksUpAddress
from scheduling.admin.calendar_warnings import WarnsOfCalendars, get_calendar_state
from scheduling.calendars.reading import origin, plain_address
from scheduling.calendars.storing import calendars_to_read, forget_reading
from scheduling.calendars.syncing import sync_calendar, sync_together
from scheduling.lib.safe_http import NotPublic
from scheduling.lib.timezones import format_local
from scheduling.local_zones import get_home_zone
from scheduling.models import Calendar

READ_TIMEOUT = 5  # seconds, while somebody waits for the page

KINDS = (
    "Read: an iCalendar (.ics) address, which Google calls “secret address in iCal format”, Outlook a published "
    "calendar's ICS link. The clinician is not offered when that calendar says they are busy. "
    "Write: a CalDAV collection, into which their appointments are put."
)
ADDRESS = "Whoever has it can read the calendar, so it is not shown again: only where it leads."
NOT_USABLE = "This address cannot be used: it must begin with https:// (or webcal://) and lead to the public internet."
NOT_FOUND = "Nothing is found at that address: check how its name is spelled."
TYPE_AGAIN = "Type the password again: it is only ever sent to the address it was given for."


class CalendarForm(forms.ModelForm):
    """Where a calendar is. What is secret is typed anew or stays as it is."""

    url = forms.CharField(
        label="Address",
        max_length=2000,
        help_text=ADDRESS,
        widget=forms.TextInput(
            attrs={"class": "vLargeTextField", "autocomplete": "off", "spellcheck": "false", "size": 80}
        ),
    )
    password = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Only for calendars that ask for one. Take one that was made for this, if there is such a thing.",
    )

    class Meta:
        model = Calendar
        fields = ["clinician", "name", "kind", "url", "username", "password", "when_unreachable", "is_active"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["url"].required = False
            self.initial["url"] = self.initial["password"] = ""
            for name, kept in (("url", get_host(self.instance)), ("password", self.instance.password and "••••••••")):
                self.fields[name].widget.attrs["placeholder"] = f"{kept} (unchanged)" if kept else ""

    def clean_url(self):
        address = plain_address(self.cleaned_data["url"])
        if not address:
            return self.instance.url
        if self.unusable:
            raise forms.ValidationError(NOT_USABLE if isinstance(self.unusable, NotPublic) else NOT_FOUND)
        return address

    def clean(self):
        super().clean()
        fields, known = self.cleaned_data, self.instance
        if not fields.get("username"):
            fields["password"] = ""
        elif not fields.get("password"):
            fields["password"] = known.password
            given_for = (known.username, origin(known.url))
            if known.password and "url" in fields and (fields["username"], origin(fields["url"])) != given_for:
                self.add_error("password", TYPE_AGAIN)


def get_host(calendar):
    """Return the part of a calendar's address that is no secret."""
    parts = urlsplit(calendar.url)
    return f"{parts.scheme}://{parts.hostname}/…"


@admin.action(description="Read the selected calendars now", permissions=["change"])
def read_now(model_admin, request, queryset):
    calendars = list(calendars_to_read().filter(pk__in=queryset).select_related("clinician")[:50])
    failures = sync_together(calendars, timeout=READ_TIMEOUT)
    for calendar in calendars:
        tell(request, calendar, failures[calendar.pk])
    if not calendars:
        messages.warning(request, "None of these is read: they are written to, or not used.")


def tell(request, calendar, failure):
    """Say what came of reading a calendar."""
    if failure:
        messages.error(request, f"{calendar}: {failure}")
    else:
        messages.success(request, f"{calendar} has been read.")


@admin.register(Calendar)
class CalendarAdmin(WarnsOfCalendars, LooksUpAddress, admin.ModelAdmin):
    form = CalendarForm
    read_address = staticmethod(plain_address)
    list_display = ["name", "clinician", "kind", "where", "state", "last_error", "is_active"]
    list_filter = ["kind", "is_active", "clinician"]
    list_select_related = ["clinician"]
    search_fields = ["name", "clinician__name"]
    show_full_result_count = False
    actions = [read_now]
    readonly_fields = ["where", "state", "last_reached", "last_tried", "next_read", "last_error"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(home=get_home_zone())

    def get_fieldsets(self, request, obj=None):
        may_change = self.has_change_permission(request, obj) if obj else True
        # Fields that may only be looked at are shown as they are: of an address, then, no more than where it leads.
        secrets = ["url", "username", "password"] if may_change else ["where"]
        shown = [
            (None, {"fields": ["clinician", "name", "kind", *secrets], "description": KINDS}),
            ("Used", {"fields": ["when_unreachable", "is_active"]}),
        ]
        state = ("Now", {"fields": ["state", "last_error", "last_reached", "last_tried", "next_read"]})
        return [*shown, state] if obj else shown

    def get_changeform_initial_data(self, request):
        return {"name": "Own calendar", **super().get_changeform_initial_data(request)}

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change or {"clinician", "kind", "url", "username", "password", "is_active"} & set(form.changed_data):
            forget_reading(obj)
            # After the commit: nobody waits for a network in a transaction.
            transaction.on_commit(partial(self._read, request, obj))

    def _read(self, request, calendar):
        if calendar.kind == Calendar.Kind.ICALENDAR and calendar.is_active:
            tell(request, calendar, sync_calendar(calendar, timeout=READ_TIMEOUT))

    @admin.display(description="leads to")
    def where(self, calendar):
        return get_host(calendar)

    @admin.display(ordering="last_synced_at")
    def state(self, calendar):
        return get_calendar_state(calendar, at=timezone.now())

    @admin.display(description="last reached")
    def last_reached(self, calendar):
        return self._written(calendar, calendar.last_synced_at)

    @admin.display(description="last tried")
    def last_tried(self, calendar):
        return self._written(calendar, calendar.last_tried_at)

    @admin.display(description="next read")
    def next_read(self, calendar):
        return self._written(calendar, calendar.due_at if calendar.kind == Calendar.Kind.ICALENDAR else None)

    def _written(self, calendar, moment):
        return moment and format_local(moment, ZoneInfo(calendar.home), unless=calendar.home)
