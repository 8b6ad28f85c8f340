"""Appointments: the day's list and the page of one, with its transitions and its log. Only verbs change them."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Extract, Now
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from booking.access.patient_links import has_link_ended
from booking.admin.approver_refusals import get_refused_at
from booking.admin.booking_columns import BookingColumns
from booking.admin.booking_filters import VisitFilter
from booking.admin.day_bar import DAY, DayFilter, add_day_bar, parse_day
from booking.admin.desk import DeskMixin
from booking.admin.events import list_events
from booking.admin.identity import compare_numbers, describe_contact, describe_identity, render_identity
from booking.admin.origins import render_origin
from booking.admin.patient_conflicts import annotate_overlaps, has_overlap, render_overlap
from booking.admin.permissions import get_actor, has_appointment_permission, is_own_appointment
from booking.admin.questions import AnswersMixin, has_answers
from booking.admin.reminders import list_messages
from booking.admin.staff_transitions import STAFF_TRANSITIONS, apply_transition, list_transitions
from booking.admin.undeliverable_mails import describe_undeliverable
from booking.domain.appointments import annotate, check_identity, normalize_reference, revoke_links
from booking.domain.contact_corrections import (
    ATTENDEE_FIELDS,
    TooManyConfirmations,
    correct_attendee,
    send_confirmation_again,
)
from booking.domain.orders import NoEmailAddress
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.integrations.approvers import get_approver
from booking.models import Appointment
from booking.templatetags.wording import phone
from patients.admin.forms import EditConflictForm
from patients.fields import PlainTextFormField
from patients.models import Patient
from patients.search import list_matching_keys
from scheduling.admin import CalendarWarningsMixin
from scheduling.lib.currencies import write_decimals
from scheduling.lib.integration_admin import OtherSystemsMixin
from scheduling.lib.phone_input import PhoneInput, clean_phone
from scheduling.lib.phones import list_phone_countries
from scheduling.lib.timezones import format_local
from scheduling.models import Location
from scheduling.models.local_zones import find_home_zone, get_home_zone

DAY_SPANS = {
    "today": lambda today: (today, today),
    "tomorrow": lambda today: (today + DAY, today + DAY),
    "week": lambda today: (today - today.weekday() * DAY, today + (6 - today.weekday()) * DAY),
    "next-week": lambda today: (today + (7 - today.weekday()) * DAY, today + (13 - today.weekday()) * DAY),
}
DAY_LABELS = {
    "today": "Today",
    "tomorrow": "Tomorrow",
    "week": "This week",
    "next-week": "Next week",
    "coming": "From now on",
    "past": "Past",
    "any": "Any day",
}


class VisitDayFilter(DayFilter):
    """Filter by day in each location's own zone: today by default, any day for a search."""

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        self.default = "any" if request.GET.get("q") else "today"

    def lookups(self, request, model_admin):
        return DAY_LABELS.items()

    def value(self):
        value = super().value()
        return value if value in DAY_LABELS or parse_day(value) else self.default

    def choices(self, changelist):
        for value, name in DAY_LABELS.items():
            query = changelist.get_query_string({self.parameter_name: value}, ["p"])
            yield {"query_string": query, "display": name, "selected": value == self.value()}

    def get_day(self):
        today = timezone.now().astimezone(self.zone).date()
        return parse_day(self.value()) or {"today": today, "tomorrow": today + DAY}.get(self.value())

    def get_name(self):
        return DAY_LABELS[self.value()]

    def find_zone(self):
        """Return the zone that decides which day is today: the chosen location's, or that of most locations."""
        location_ids = [value for name, value in self.other_parameters if name == "location__id__exact"]
        location = Location.objects.filter(pk__in=location_ids).first()
        return location.zone if location else find_home_zone()

    def queryset(self, request, queryset):
        value = self.value()
        if value == "any":
            return queryset
        if value == "coming":
            return queryset.filter(ends_at__gt=timezone.now())
        if value == "past":
            return queryset.filter(ends_at__lte=timezone.now())
        return queryset.filter(self._build_date_query())

    def _build_date_query(self):
        """Return a Q for bookings that start on the requested dates, each in its location's own zone."""
        query = Q(pk__in=[])
        for name in Location.objects.order_by().values_list("timezone", flat=True).distinct():
            zone = ZoneInfo(name)
            first = last = parse_day(self.value())
            if not first:
                first, last = DAY_SPANS[self.value()](timezone.now().astimezone(zone).date())
            query |= Q(
                location__timezone=name,
                starts_at__gte=datetime.combine(first, time(), zone),
                starts_at__lt=datetime.combine(last + DAY, time(), zone),
            )
        return query


def order_coming_first(appointments):
    """Order appointments by how near they are: visits to come, then those that are over or cancelled."""
    is_over = Q(ends_at__lte=timezone.now()) | Q(status__in=Appointment.UNSUCCESSFUL)
    distance = Func(Extract(F("starts_at") - Now(), "epoch"), function="abs", output_field=models.FloatField())
    return appointments.order_by(models.Case(models.When(is_over, then=1), default=0), distance, "pk")


class AppointmentForm(EditConflictForm):
    """What staff may correct of an appointment."""

    send_again = forms.BooleanField(
        required=False,
        initial=True,
        label="Mail the confirmation",
        help_text="To the e-mail address, if you correct it. Links that went to the one before end in either case.",
    )

    class Meta:
        help_texts = {
            "notes": "What the patient wrote, and what staff add to it.",
            "contact_name": "Who reads the e-mail and answers the phone, if that is not who comes.",
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "attendee_phone" in self.fields:
            self.fields["attendee_phone"].widget = PhoneInput({"class": "vTextField"})

    def clean_attendee_phone(self):
        phone = clean_phone(self, "attendee_phone", list_phone_countries(self.instance.location.country))
        return self.cleaned_data["attendee_phone"] if phone is None else str(phone)


class CancelForm(forms.Form):
    reason = forms.ChoiceField(choices=[("", "Choose …"), *Appointment.CancellationReason.given()])
    note = PlainTextFormField(
        max_length=500,
        required=False,
        help_text="For staff only. The patient is told by e-mail that it is cancelled, not why.",
    )


CORRECTABLE = set(ATTENDEE_FIELDS.values())


def may_correct_attendee(request, appointment):
    """Return whether who comes can be corrected: nobody is written to about what is over."""
    is_coming = appointment is not None and appointment.status in Appointment.STANDING
    return is_coming and request.user.has_perm("booking.change_appointment")


def make_bulk_action(transition):
    """Return the list action that makes ``transition`` with each selected appointment."""

    @admin.action(description=transition.label, permissions=[transition.permission])
    def action(model_admin, request, queryset):
        for appointment in queryset:
            apply_transition(request, appointment, transition)

    action.__name__ = transition.name
    return action


@admin.register(Appointment)
class AppointmentAdmin(
    OtherSystemsMixin, AnswersMixin, DeskMixin, CalendarWarningsMixin, BookingColumns, admin.ModelAdmin
):
    list_display = ["time", "attendee", "state", "what"]
    list_filter = [VisitDayFilter, "clinician", "location", "service", "status", VisitFilter]
    search_fields = ["reference"]  # shows the search box; get_search_results does the search
    search_help_text = "Reference, name, e-mail, phone or its last four digits, NHS number, date of birth; on any day."
    ordering = ["starts_at", "clinician__name"]
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    actions = [
        *[
            make_bulk_action(each)
            for each in STAFF_TRANSITIONS.values()
            if each.name != "cancel" and not each.is_correction
        ],
        "cancel",
    ]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "reference",
                    "state",
                    "when",
                    "service_name",
                    "clinician_name",
                    "place",
                    "formatted_price",
                    "says_coming",
                ]
            },
        ),
        (
            "Who comes",
            {
                "fields": [
                    "attendee_name",
                    "contact",
                    "attendee_email",
                    "send_again",
                    "attendee_phone",
                    "contact_name",
                    "relation",
                    "patient_record",
                    "needs",
                    "notes",
                ]
            },
        ),
        ("Asked for", {"fields": ["approver_name", "approval_due", "provider_reference", "linked_order"]}),
        ("Cancelled", {"fields": ["cancellation_reason", "cancellation_note"]}),
        ("Kept by staff", {"fields": ["meeting_url"]}),
    ]
    readonly_fields = [
        "reference",
        "state",
        "when",
        "service_name",
        "clinician_name",
        "place",
        "formatted_price",
        "says_coming",
        "attendee_name",
        "contact",
        "attendee_email",
        "attendee_phone",
        "patient_record",
        "needs",
        "approver_name",
        "approval_due",
        "provider_reference",
        "linked_order",
        "cancellation_reason",
        "cancellation_note",
    ]
    form = AppointmentForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    # Permissions

    def get_queryset(self, request):
        related = ("service", "clinician", "location", "patient", "provider", "order")
        rows = super().get_queryset(request).select_related(*related)
        return annotate_overlaps(rows).annotate(home=get_home_zone())

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        """Notes and video link can be changed, by a clinician those of their own visits."""
        return super().has_change_permission(request, obj) or (
            obj is not None and is_own_appointment(request, "note", obj)
        )

    def has_decide_permission(self, request):
        return has_appointment_permission(request, "decide")

    def has_mark_permission(self, request):
        return has_appointment_permission(request, "mark")

    # The list

    def get_list_filter(self, request):
        sees_all = has_appointment_permission(request, "view_all")
        return [name for name in self.list_filter if sees_all or name != "clinician"]

    def get_search_results(self, request, queryset, search_term):
        text = search_term.strip()
        if not text:
            return queryset, False
        attendee = Q()
        for word in text.split():
            attendee &= (
                Q(attendee_name__icontains=word)
                | Q(contact_name__icontains=word)
                | Q(attendee_email__icontains=word)
                | Q(attendee_phone__contains=word)
            )
        booked = Q(reference__icontains=text) | Q(reference=normalize_reference(text))
        known_patient = Q(patient__in=list_matching_keys(text, among=Patient.objects.all()))
        rows = queryset.filter(booked | attendee | known_patient)
        return rows if "o" in request.GET else order_coming_first(rows), False  # a column's order wins

    def changelist_view(self, request, extra_context=None):
        response = super().changelist_view(request, extra_context)
        add_day_bar(response, VisitDayFilter)
        return response

    # Columns

    @admin.display(ordering="starts_at")
    def time(self, appointment):
        zone = appointment.location.zone
        return format_html(
            "{}–{}<br><small>{}</small>",
            format_local(appointment.starts_at, zone, unless=zone, pattern="%H:%M"),
            format_local(appointment.ends_at, zone, unless=appointment.home, pattern="%H:%M"),
            format_local(appointment.starts_at, zone, unless=zone, pattern="%a %-d %b %Y"),
        )

    @admin.display(ordering="attendee_name")
    def attendee(self, appointment):
        number = phone(appointment.attendee_phone)
        identity = render_identity(appointment)
        contact = describe_contact(appointment)
        written_to = format_html(" <small>(<bdi>{}</bdi>)</small>", contact) if contact else ""
        shown = (appointment.attendee_name, written_to, number, identity)
        return format_html("<bdi>{}</bdi>{}<br><small>{}</small>{}", *shown)

    @admin.display(description="service", ordering="service__name")
    def what(self, appointment):
        place, clinician = self.place(appointment), appointment.clinician
        return format_html(
            '{}<br><small>with {}, {} · <span class="left">{}</span></small>',
            appointment.service,
            clinician,
            place,
            appointment.reference,
        )

    @admin.display(description="status", ordering="status")
    def state(self, appointment):
        state = format_html(
            '<span class="state state-{}">{}</span>', appointment.status, appointment.get_status_display()
        )
        if appointment.attendance_confirmed_at and appointment.status == Appointment.Status.CONFIRMED:
            state = format_html("{}<br><small>says they are coming</small>", state)
        return format_html("{}<br><small>overlaps another visit</small>", state) if has_overlap(appointment) else state

    # The page

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return [name for name in fields if name not in CORRECTABLE] if may_correct_attendee(request, obj) else fields

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        links = {
            "patient_record": "patients.view_patient",
            "needs": "patients.view_needs",
            "linked_order": "booking.view_order",
        }
        hidden_fields = {name for name, permission in links.items() if not request.user.has_perm(permission)}
        if may_correct_attendee(request, obj):
            hidden_fields.add("contact")
        else:
            hidden_fields |= {"contact_name", "relation", "send_again"}
            if obj and not obj.contact_name:
                hidden_fields.add("contact")
        hidden_fieldsets = self._get_hidden_fieldsets(obj) if obj else set()
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden_fields]})
            for title, options in fieldsets
            if title not in hidden_fieldsets
        ]

    @staticmethod
    def _get_hidden_fieldsets(appointment):
        """Return the titles of the fieldsets that would be empty for this appointment."""
        return {
            *(["Cancelled"] if appointment.status != Appointment.Status.CANCELLED else []),
            *(["Asked for"] if not appointment.provider_id and not appointment.order_id else []),
        }

    def render_change_form(self, request, context, obj=None, **kwargs):
        context |= {
            "show_save_and_add_another": False,
            "has_answers": has_answers(request, obj),
            "identity": describe_identity(obj),
            "origin": render_origin(request, obj),
            "numbers": compare_numbers(request, obj),
            "undeliverable": describe_undeliverable(obj),
            "may_check_identity": obj.verification == Appointment.Verification.WAIVED
            and has_appointment_permission(request, "decide"),
            "may_send_again": has_appointment_permission(request, "decide")
            and obj.status in Appointment.UPCOMING
            and obj.starts_at > timezone.now()
            and bool(obj.attendee_email),
            "title": f"{obj.attendee_name}, {self.when(obj)}" if obj.attendee_name else self.when(obj),
            "subtitle": None,
            "read_back": self._list_read_back(obj),
            "may_revoke_links": has_appointment_permission(request, "decide") and not has_link_ended(obj),
            "may_reschedule": has_appointment_permission(request, "decide") and obj.status in Appointment.UPCOMING,
        }
        context |= {"transitions": list_transitions(request, obj), "log": list_events(obj, zone=obj.location.zone)}
        context["sent_messages"] = list_messages(obj)
        if has_overlap(obj):
            context["overlap"] = render_overlap(request, obj)
        if refused_at := get_refused_at(obj):
            context["refused_at"] = format_local(refused_at, obj.location.zone, unless=obj.home)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def _list_read_back(self, appointment):
        """Return what is read back to a caller, as pairs of label and value."""
        born = appointment.patient.date_of_birth
        pairs = [
            ("Who", appointment.attendee_name),
            ("Born", born and f"{born:%-d %B %Y}"),
            ("When", format_local(appointment.starts_at, appointment.location.zone, pattern="%A %-d %B %Y, %H:%M")),
            ("What", f"{appointment.service} with {appointment.clinician}, {self.place(appointment)}"),
            ("E-mail", appointment.attendee_email or "none"),
            ("Phone", phone(appointment.attendee_phone) or "none"),
            ("Reference", appointment.reference),
        ]
        return [(label, value) for label, value in pairs if value]

    def changeform_view(self, request, *args, **kwargs):
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ChangedMeanwhile:
            messages.error(request, "It has been given another time just now. Nothing was saved.")
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request, obj, form, change):
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name != "send_again"}
        of_attendee = {name: changes.pop(name) for name in ATTENDEE_FIELDS.values() if name in changes}
        if changes:
            annotate(obj, actor=get_actor(request), **changes)
        if of_attendee:
            self._correct_attendee(request, obj, of_attendee, form.cleaned_data.get("send_again"))

    @staticmethod
    def _correct_attendee(request, appointment, changes, is_to_be_sent):
        is_sent = bool(is_to_be_sent and changes.get("attendee_email")) and appointment.status in Appointment.UPCOMING
        try:
            correct_attendee(appointment, actor=get_actor(request), send_confirmation=is_sent, **changes)
        except (TooManyConfirmations, WrongState) as refusal:
            messages.error(request, f"{refusal.message} Who comes was not changed.")
            return
        record = {ATTENDEE_FIELDS[name]: value for name, value in appointment.patient.contact.items()}
        if any(record[name] != value for name, value in changes.items()):
            page = reverse("admin:patients_patient_change", args=[appointment.patient_id])
            text = 'The <a href="{}">patient’s record</a> has something else: correct that too, if it is wrong.'
            messages.info(request, format_html(text, page))

    # Fields of the page

    def when(self, appointment):
        zone = appointment.location.zone
        start = format_local(appointment.starts_at, zone, unless=zone)
        return f"{start}–{format_local(appointment.ends_at, zone, unless=appointment.home, pattern='%H:%M')}"

    @admin.display(description="written to")
    def contact(self, appointment):
        return describe_contact(appointment)

    @admin.display(description="price")
    def formatted_price(self, appointment):
        return f"{write_decimals(appointment.price, appointment.currency)} {appointment.currency}"

    @admin.display(description="says they are coming")
    def says_coming(self, appointment):
        said_at, zone = appointment.attendance_confirmed_at, appointment.location.zone
        return f"yes, on {format_local(said_at, zone, unless=appointment.home)}" if said_at else "–"

    @admin.display(description="approver")
    def approver_name(self, appointment):
        approver = appointment.provider
        return f"{approver} ({get_approver(approver).label})" if approver else "the clinic itself, at once"

    @admin.display(description="answer by")
    def approval_due(self, appointment):
        if not appointment.answer_by:
            return "–"
        return format_local(appointment.answer_by, appointment.location.zone, unless=appointment.home)

    @admin.display(description="order")
    def linked_order(self, appointment):
        if not appointment.order_id:
            return "none"
        url = reverse("admin:booking_order_change", args=[appointment.order_id])
        return format_html('<a href="{}">{}</a>', url, appointment.order.external_id or "its order")

    @admin.display(description="patient")
    def patient_record(self, appointment):
        url = reverse("admin:patients_patient_change", args=[appointment.patient_id])
        return format_html('<a href="{}">{}</a>', url, appointment.patient)

    # Transitions

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path(
                "<path:object_id>/send-again/",
                view(self.send_again_view),
                name="booking_appointment_send_again",
            ),
            path(
                "<path:object_id>/move/<slug:name>/",
                view(self.transition_view),
                name="booking_appointment_move",
            ),
            path(
                "<path:object_id>/revoke-links/",
                view(self.revoke_links_view),
                name="booking_appointment_revoke_links",
            ),
            path(
                "<path:object_id>/check-identity/",
                view(self.check_identity_view),
                name="booking_appointment_check_identity",
            ),
            *super().get_urls(),
        ]

    def send_again_view(self, request, object_id):
        """Mail the attendee of a visit its confirmation once more."""
        appointment = self._get_to_decide(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            done = f"The confirmation of {appointment.reference} is on its way to {appointment.attendee_email}."
            self._change(request, appointment, send_confirmation_again, done)
        except (NoEmailAddress, TooManyConfirmations, WrongState) as refusal:
            messages.error(request, f"{refusal.message} Nothing was sent.")
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[object_id]))

    def check_identity_view(self, request, object_id):
        """Note that staff know who has booked."""
        appointment = self._get_to_decide(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._change(request, appointment, check_identity, f"Whoever booked {appointment.reference} is who they say.")
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[object_id]))

    def _change(self, request, appointment, verb, done):
        """Call a verb with an appointment and say ``done``, or that it has just been moved."""
        try:
            verb(appointment, actor=get_actor(request))
        except ChangedMeanwhile:
            messages.error(request, "It has been given another time just now. Nothing was changed.")
        else:
            messages.success(request, done)

    def _get_to_decide(self, request, object_id):
        appointment = self.get_object(request, unquote(object_id))
        if appointment is None:
            raise Http404
        is_permitted = has_appointment_permission(request, "decide")
        if not is_permitted or not self.has_view_permission(request, appointment):
            raise PermissionDenied
        return appointment

    def revoke_links_view(self, request, object_id):
        """End the links that an appointment's patient was sent, after asking."""
        appointment = self._get_to_decide(request, object_id)
        page = reverse("admin:booking_appointment_change", args=[object_id])
        if request.method == "POST":
            done = f"The links to {appointment.reference} do not work any more."
            self._change(request, appointment, revoke_links, done)
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "appointment": appointment,
            "return_url": page,
            "title": "Revoke the links to an appointment",
        }
        return TemplateResponse(request, "admin/booking/appointment/revoke_links.html", context)

    def transition_view(self, request, object_id, name):
        """Make one transition with one appointment: the buttons of its page."""
        appointment = self.get_object(request, unquote(object_id))
        transition = STAFF_TRANSITIONS.get(name)
        if appointment is None or transition is None:
            raise Http404
        is_permitted = has_appointment_permission(request, transition.permission)
        if not is_permitted or not self.has_view_permission(request, appointment):
            raise PermissionDenied
        page = reverse("admin:booking_appointment_change", args=[object_id])
        if name == "cancel":
            return self._confirm_cancel(request, [appointment], return_url=page) or HttpResponseRedirect(page)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        apply_transition(request, appointment, transition)
        return HttpResponseRedirect(page)

    @admin.action(description="Cancel …", permissions=["decide"])
    def cancel(self, request, queryset):
        return self._confirm_cancel(request, list(queryset), return_url=request.get_full_path())

    def _confirm_cancel(self, request, appointments, *, return_url):
        """Return the form that asks for the reason; once it is valid, cancel and return None."""
        form = CancelForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            for appointment in appointments:
                apply_transition(request, appointment, STAFF_TRANSITIONS["cancel"], **form.cleaned_data)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "return_url": return_url,
            "appointments": [(appointment, self.when(appointment)) for appointment in appointments],
            "title": "Cancel an appointment" if len(appointments) == 1 else "Cancel appointments",
            "media": self.media,
        }
        return TemplateResponse(request, "admin/booking/appointment/cancel.html", context)
