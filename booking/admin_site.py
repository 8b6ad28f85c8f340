"""The site of the staff's pages. It stands outside booking.admin, whose modules register with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from booking.access.visibility import has_all_locations, is_clinician
from booking.visible_admin import VisiblePages, show_visible_rows
from scheduling.lib.capped_paginator import CappedPaginator


@dataclass(frozen=True)
class Entry:
    """An entry of the menu, for whoever has the permission, and ``also`` another where one is not enough.

    With ``everywhere`` for staff of all locations only, with ``clinicians`` for those who are one.
    """

    label: str
    page: str
    permission: str = ""
    also: str = ""
    everywhere: bool = False
    clinicians: bool = False

    def is_for(self, user: User | AnonymousUser) -> bool:
        """Return whether the menu of ``user`` has it."""
        is_permitted = user.has_perms([each for each in (self.permission, self.also) if each])
        is_wide_enough = not self.everywhere or has_all_locations(user)
        return is_permitted and is_wide_enough and (not self.clinicians or is_clinician(user))


# The menu, in the words of those who use it. A page of staff is found here and nowhere else: a test sees to it.
MENU = {
    "": [
        Entry("Today", "admin:index"),
        Entry("Appointments", "admin:booking_appointment_changelist", "booking.view_appointment"),
        Entry("Patients", "admin:patients_patient_changelist", "patients.view_patient"),
        Entry("To confirm", "admin:booking_unconfirmed_changelist", "booking.decide_appointment"),
        Entry("Stranded visits", "admin:stranded_visits", "booking.settle_strandedvisit"),
        Entry("Waitlist", "admin:booking_waitlistentry_changelist", "booking.view_waitlistentry"),
        Entry("Orders", "admin:booking_order_changelist", "booking.view_order"),
        Entry("Figures", "admin:figures", "booking.view_figures"),
        Entry(
            "Unusual bookings",
            "admin:booking_unusualbooking_changelist",
            "booking.decide_appointment",
            "booking.view_all_appointment",
        ),
        Entry("Undelivered mail", "admin:booking_undeliverablemail_changelist", "booking.view_undeliverablemail"),
        Entry("Same patient twice?", "admin:patients_possibleduplicate_changelist", "patients.view_possibleduplicate"),
    ],
    "Mine": [
        Entry("My patients", "admin:my_patients", "booking.note_appointment", clinicians=True),
        Entry("My hours", "admin:my_hours", "booking.note_appointment", clinicians=True),
        Entry("My time off", "admin:my_time_off", "scheduling.add_timeoffrequest", clinicians=True),
        Entry("My feed", "admin:my_feed", "booking.note_appointment", clinicians=True),
    ],
    "Set-up": [
        Entry("The clinic", "admin:booking_branding_changelist", "booking.view_branding"),
        Entry("Locations", "admin:scheduling_location_changelist", "scheduling.view_location"),
        Entry("Services", "admin:scheduling_service_changelist", "scheduling.view_service"),
        Entry("Categories", "admin:scheduling_servicecategory_changelist", "scheduling.view_servicecategory"),
        Entry("Clinicians", "admin:scheduling_clinician_changelist", "scheduling.view_clinician"),
        Entry("Time off", "admin:scheduling_timeoff_changelist", "scheduling.view_timeoff"),
        Entry("Holidays", "admin:holidays", "scheduling.add_timeoff"),
        Entry("Time off asked for", "admin:time_off_requests", "scheduling.add_timeoff"),
        Entry("Questions", "admin:booking_question_changelist", "booking.view_question"),
        Entry("Messages", "admin:booking_messagetext_changelist", "booking.view_messagetext"),
        Entry("Waiting lists", "admin:booking_waitlist_changelist", "booking.view_waitlist"),
        Entry("Imports", "admin:booking_import_changelist", "booking.view_import"),
        Entry("Staff", "admin:booking_staffaccount_changelist", "booking.view_staffaccount"),
        Entry("Logins", "admin:auth_user_changelist", "auth.view_user"),
        Entry("Roles", "admin:auth_group_changelist", "auth.view_group"),
    ],
    "Connections": [
        Entry("Calendars", "admin:scheduling_calendar_changelist", "scheduling.view_calendar"),
        Entry("Calendar feeds", "admin:booking_calendarfeed_changelist", "booking.view_calendarfeed"),
        Entry("Your website", "admin:booking_embeddingsite_changelist", "booking.view_embeddingsite"),
        Entry("Approvers", "admin:booking_provider_changelist", "booking.view_provider", everywhere=True),
        Entry("API keys", "admin:booking_apikey_changelist", "booking.view_apikey", everywhere=True),
        Entry("Webhooks", "admin:booking_webhookendpoint_changelist", "booking.view_webhookendpoint", everywhere=True),
        Entry("Deliveries", "admin:booking_delivery_changelist", "booking.view_delivery", everywhere=True),
        Entry("Sign-in service", "admin:socialaccount_socialaccount_changelist", "socialaccount.view_socialaccount"),
    ],
    "Log": [
        Entry("What happened", "admin:booking_event_changelist", "booking.view_event"),
        Entry("Who saw whom", "admin:booking_patientaccess_changelist", "booking.view_patientaccess"),
        Entry("Sign-ins", "admin:booking_signinevent_changelist", "booking.view_signinevent"),
        Entry("Held times", "admin:booking_hold_changelist", "booking.view_hold"),
        Entry("Taken times", "admin:scheduling_slot_changelist", "scheduling.view_slot"),
        Entry("Old records", "admin:booking_oldrecord_changelist", "patients.erase_patient"),
        Entry("Outbox", "admin:booking_outboxmessage_changelist", "booking.view_outboxmessage", everywhere=True),
    ],
}


def build_menu(user: User | AnonymousUser, path: str) -> list[dict]:
    """Return the parts of the menu that ``user`` may use, as dicts; ``is_current`` marks where ``path`` belongs."""
    parts = [
        {
            "title": title,
            "entries": [
                {"label": each.label, "url": reverse(each.page), "is_current": False}
                for each in entries
                if each.is_for(user)
            ],
        }
        for title, entries in MENU.items()
    ]
    entries = [each for part in parts for each in part["entries"]]
    index, diary = reverse("admin:index"), reverse("admin:diary")
    at = index if path.startswith(diary) else path
    here = [each for each in entries if at == each["url"] or (each["url"] != index and at.startswith(each["url"]))]
    if here:
        max(here, key=lambda each: len(each["url"]))["is_current"] = True
    return [part for part in parts if part["entries"]]


class ClinicSite(AdminSite):
    site_header = site_title = "Holdfast"
    index_title = "The clinic"
    enable_nav_sidebar = False  # the menu instead

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_pages: list[URLPattern] = []
        self.start_page: Callable | None = None  # of staff who may see appointments

    def page(self, route: str, *, name: str) -> Callable:
        """Return a decorator that makes a view a page for staff who are signed in: ``@admin.site.page("diary/", …)``.

        The view asks for the permissions it needs.
        """

        def register(view):
            self.own_pages.append(path(route, self.admin_view(view), name=name))
            return view

        return register

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the start page to those it is for, and a list of all there is to the others."""
        if self.start_page and request.user.has_perm("booking.view_appointment"):
            return self.start_page(request)
        return super().index(request, extra_context)

    def get_list_title(self, model: type[Model]) -> str:
        """Return the heading of the list of a model's rows: the menu's word."""
        page = f"{self.name}:{model._meta.app_label}_{model._meta.model_name}_changelist"
        labels = [each.label for entries in MENU.values() for each in entries if each.page == page]
        return labels[0] if labels else str(capfirst(model._meta.verbose_name_plural))

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register an admin class whose pages have what the person may see, and nothing else."""
        super().register(model_or_iterable, show_visible_rows(admin_class or ModelAdmin, VisiblePages), **options)
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        for model in models:
            registered: Any = self._registry[model]
            registered.paginator, registered.show_full_result_count = CappedPaginator, False

    def get_urls(self) -> list:
        return [*self.own_pages, *super().get_urls()]
