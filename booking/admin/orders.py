"""Orders: create one, e-mail its patient the link to book it, see what was booked with it."""

from operator import attrgetter
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from booking.admin.events import list_events
from booking.admin.nameless_log import NamelessLogMixin
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.permissions import get_actor
from booking.domain.appointments import OrderBooked, OrderCancelled
from booking.domain.orders import NoEmailAddress, cancel_order, change_order, create_order, revoke_link, send_link
from booking.models import Appointment, Order
from patients.admin.forms import EditConflictForm
from patients.admin.patient_field import PatientField
from patients.fields import PlainTextFormField
from patients.models import Patient
from patients.records import PatientArchived
from patients.search import list_matching_keys
from scheduling.lib.timezones import format_local
from scheduling.models.local_zones import get_home_zone

ADDRESS_FIELDS = [
    "address_line_1",
    "address_line_2",
    "unit",
    "city",
    "state",
    "postcode",
    "country",
    "latitude",
    "longitude",
]
BOOKED = Appointment.objects.exclude(status__in=Appointment.UNSUCCESSFUL)
SITE_URL_MISSING = "No link was sent: SITE_URL is not set, so nobody knows where these pages are."


class OrderForm(EditConflictForm):
    """An order; a new one can be e-mailed to its patient at once."""

    send_link = forms.BooleanField(
        required=False,
        initial=True,
        label="E-mail the link",
        help_text="The patient gets a link to choose a time; nothing else has to be typed.",
    )

    class Meta:
        field_classes = {"external_id": PlainTextFormField}

    def clean_country(self):
        country = self.cleaned_data["country"].upper()
        if country and not (country.isascii() and country.isalpha() and len(country) == 2):
            raise forms.ValidationError("Write a country in two letters, such as GB.")
        return country

    def clean(self):
        fields = super().clean()
        if fields.get("send_link") and fields.get("patient") and not fields["patient"].email:
            self.add_error("send_link", "No e-mail address of this patient is known.")
        return fields


class BookedFilter(admin.SimpleListFilter):
    title = "booked"
    parameter_name = "booked"

    def lookups(self, request, model_admin):
        return [("no", "Not yet"), ("yes", "Booked")]

    def queryset(self, request, queryset):
        return queryset.filter(is_booked=self.value() == "yes") if self.value() in ("yes", "no") else queryset


@admin.register(Order)
class OrderAdmin(NamelessLogMixin, ObjectToolsMixin, admin.ModelAdmin):
    form = OrderForm
    list_display = ["ordered_at", "patient", "service", "booked", "link", "external_id"]
    list_filter = [BookedFilter, "service"]
    search_fields = ["external_id"]  # shows the search box; get_search_results does the search
    search_help_text = "The patient, as in the list of patients, or the external id."
    ordering = ["-created_at"]
    show_full_result_count = False
    list_per_page = 50
    actions = ["send_links"]
    object_tools = ["send_link", "revoke_link", "cancel_order"]
    object_tool_permission = "link"
    change_form_template = "admin/booking/order/change_form.html"
    readonly_fields = ["ordered_at", "booked", "link", "appointments", "metadata"]

    # Permissions

    def has_delete_permission(self, request, obj=None):
        return False  # appointments point at it

    def has_link_permission(self, request):
        return request.user.has_perm("booking.change_order")

    # The list

    def get_queryset(self, request):
        rows = (
            super()
            .get_queryset(request)
            .select_related("patient", "service")
            .prefetch_related("appointments__location")
        )
        is_booked = Exists(BOOKED.filter(order=OuterRef("pk")))
        return rows.annotate(home=get_home_zone(), is_booked=is_booked)

    def get_search_results(self, request, queryset, search_term):
        text = search_term.strip()
        if not text:
            return queryset, False
        known_patient = Q(patient__in=list_matching_keys(text, among=Patient.objects.all()))
        return queryset.filter(known_patient | Q(external_id__icontains=text)), False

    @admin.display(description="ordered", ordering="created_at")
    def ordered_at(self, order):
        return format_local(order.created_at, ZoneInfo(order.home), unless=order.home, pattern="%-d %b %Y, %H:%M")

    @admin.display(description="booked")
    def booked(self, order):
        booked = [each for each in order.appointments.all() if each.status not in Appointment.UNSUCCESSFUL]
        if booked:
            return self._make_link(booked[0], order)
        return "cancelled" if order.cancelled_at else "not yet"

    @admin.display(description="link")
    def link(self, order):
        if order.token_hash is None:
            return "none"
        until = format_local(order.link_ends_at, ZoneInfo(order.home), unless=order.home, pattern="%-d %b %Y")
        return f"good until {until}" if order.link_ends_at > timezone.now() else f"ran out on {until}"

    @admin.display(description="appointments")
    def appointments(self, order):
        appointments = sorted(order.appointments.all(), key=attrgetter("created_at"))
        lines = [[self._make_link(appointment, order)] for appointment in appointments]
        return format_html_join(mark_safe("<br>"), "{}", lines) or "none yet"

    @staticmethod
    def _make_link(appointment, order):
        return format_html(
            '<a href="{}">{}</a> <span class="state state-{}">{}</span>',
            reverse("admin:booking_appointment_change", args=[appointment.pk]),
            format_local(appointment.starts_at, appointment.location.zone, unless=order.home),
            appointment.status,
            appointment.get_status_display(),
        )

    # The page

    def get_fieldsets(self, request, obj=None):
        first = ["patient", "service", "external_id", *(["metadata"] if obj and obj.metadata else [])]
        return [
            (None, {"fields": [*first, *(["ordered_at", "booked", "link", "appointments"] if obj else ["send_link"])]}),
            ("Where to visit the patient, if at home", {"fields": ADDRESS_FIELDS, "classes": ["collapse"]}),
        ]

    def get_readonly_fields(self, request, obj=None):
        return [*self.readonly_fields, *(["patient", "service"] if obj else [])]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "patient":
            return PatientField(db_field)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if obj:
            del form.base_fields["send_link"]
        return form

    def changeform_view(self, request, *args, **kwargs):
        try:
            return super().changeform_view(request, *args, **kwargs)
        except PatientArchived:
            messages.error(request, "That patient was archived just now. Nothing was saved: find them again.")
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request, obj, form, change):
        if change:
            if form.changed_data:
                change_order(
                    obj, actor=get_actor(request), **{name: form.cleaned_data[name] for name in form.changed_data}
                )
            return
        fields = {name: getattr(obj, name) for name in ["patient", "service", "external_id", *ADDRESS_FIELDS]}
        obj.pk = create_order(**fields, actor=get_actor(request)).pk
        if form.cleaned_data["send_link"]:
            self._send_link(request, self.get_queryset(request).get(pk=obj.pk))

    def render_change_form(self, request, context, obj=None, **kwargs):
        if obj:
            context |= {"tools": self._list_tools(request, obj), "log": list_events(obj, zone=ZoneInfo(obj.home))}
        return super().render_change_form(request, context, obj=obj, **kwargs)

    # The link

    def _list_tools(self, request, order):
        """Return the allowed object tools as pairs of name and label."""
        if not self.has_link_permission(request):
            return []
        tools, is_open = [], not order.is_booked and not order.cancelled_at
        if is_open:
            tools.append(("send_link", "E-mail the link again" if order.token_hash else "E-mail the link"))
        if order.token_hash:
            tools.append(("revoke_link", "Take the link back"))
        if is_open:
            tools.append(("cancel_order", "Cancel the order"))
        return tools

    def send_link_tool(self, request, order):
        """E-mail the link."""
        self._send_link(request, order)

    def revoke_link_tool(self, request, order):
        """Take the link back."""
        revoke_link(order, actor=get_actor(request))
        messages.success(request, "The link does not work any more.")

    def cancel_order_tool(self, request, order):
        """Cancel the order."""
        try:
            cancel_order(order, actor=get_actor(request))
        except OrderBooked:
            messages.error(request, "The order is booked: cancel its appointment first.")
        else:
            messages.success(request, "The order is cancelled. Its link does not work any more.")

    @admin.action(description="E-mail the link", permissions=["link"])
    def send_links(self, request, queryset):
        for order in queryset:
            self._send_link(request, order)

    def _send_link(self, request, order):
        """E-mail the link and add a message about the result."""
        if not settings.SITE_URL:
            messages.error(request, SITE_URL_MISSING)
            return
        try:
            send_link(order, actor=get_actor(request))
        except OrderBooked:
            messages.warning(request, f"No link was sent to {order.patient}: the order is booked.")
        except OrderCancelled:
            messages.warning(request, f"No link was sent to {order.patient}: the order is cancelled.")
        except NoEmailAddress:
            messages.warning(request, f"No link was sent to {order.patient}: no e-mail address is known.")
        else:
            messages.success(request, f"The link is on its way to {order.patient.email}.")
