"""The queue of appointments that staff must confirm or decline, the most urgent on top."""

from datetime import UTC, datetime, timedelta

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.timesince import timeuntil
from django.views.decorators.cache import never_cache

from booking.access.visibility import visible_to
from booking.admin.approver_refusals import filter_refused
from booking.admin.identity import describe_contact, render_identity
from booking.admin.permissions import has_appointment_permission
from booking.admin.sign_in.middleware import asked_by_page
from booking.admin.staff_transitions import STAFF_TRANSITIONS, apply_transition
from booking.integrations.approvers import list_remote_kinds
from booking.models import Appointment, Unconfirmed
from booking.templatetags.wording import phone
from patients.fields import PlainTextFormField
from scheduling.admin import ReadOnlyMixin
from scheduling.lib.timezones import format_local
from scheduling.models.local_zones import get_home_zone

URGENT_BELOW = timedelta(minutes=10)
DECISIONS = ["confirm", "decline"]
MAX_REFUSED = 50  # shown at once


def get_queue(request):
    """Return the pending appointments that the member of staff may decide.

    Those asked of another system are not, nor those that wait for the link in their e-mail.
    """
    pending = Unconfirmed.objects.filter(status=Appointment.Status.PENDING)
    rows = visible_to(request.user, pending.exclude(verification__in=Appointment.AWAITING_VERIFICATION))
    return rows.filter(Q(provider=None) | ~Q(provider__kind__in=list_remote_kinds()))


class NoteForm(forms.Form):
    """Why an appointment is declined, for staff."""

    note = PlainTextFormField(max_length=500, required=False)


class QueueActionForm(ActionForm):
    note = forms.CharField(max_length=500, required=False, label="Why, if declined:")  # decide() checks it


def make_bulk_action(transition):
    """Return the queue's action that makes ``transition`` with each selected appointment."""

    @admin.action(description=transition.label, permissions=["decide"])
    def action(model_admin, request, queryset):
        ids = [appointment.pk for appointment in queryset]
        for appointment in Appointment.objects.filter(pk__in=ids).order_by("answer_by"):
            model_admin.decide(request, appointment, transition.name, note=request.POST.get("note", ""))

    action.__name__ = transition.name
    return action


@admin.register(Unconfirmed)
class UnconfirmedAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["time_left", "attendee", "what", "decision"]
    list_display_links = None
    search_fields = ["reference", "attendee_name", "service__name", "clinician__name", "location__name"]
    ordering = ["answer_by"]
    sortable_by = []
    show_full_result_count = False
    list_per_page = 50
    action_form = QueueActionForm
    actions = [make_bulk_action(STAFF_TRANSITIONS[name]) for name in DECISIONS]
    change_list_template = "admin/booking/unconfirmed/change_list.html"

    # Permissions

    def has_view_permission(self, request, obj=None):
        return has_appointment_permission(request, "decide")

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def has_decide_permission(self, request):
        return self.has_view_permission(request)

    # The queue

    def get_queryset(self, request):
        rows = get_queue(request).select_related("service", "clinician", "location", "patient")
        return rows.order_by("answer_by").annotate(home=get_home_zone())

    def changelist_view(self, request, extra_context=None):
        queue = get_queue(request).aggregate(number=Count("pk"), newest=Max("created_at"))
        number, newest = queue["number"], queue["newest"] or timezone.now()
        title = f"{number} appointment{'' if number == 1 else 's'} to confirm" if number else "Nothing to confirm"
        context = {
            "title": "Appointments to confirm" if request.GET.get("q") else title,
            "news": reverse("admin:booking_unconfirmed_news", query={"since": newest.isoformat()}),
            "refused": [(each, self.what(each)) for each in self._list_refused(request)],
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def _list_refused(self, request):
        """Return the appointments whose approver refuses their time, the earliest first."""
        rows = filter_refused(visible_to(request.user, Appointment.objects.all())).annotate(home=get_home_zone())
        rows = rows.select_related("service", "clinician", "location", "provider").order_by("starts_at")
        return rows[:MAX_REFUSED]

    @asked_by_page
    def news_view(self, request):
        """Return a fragment with the number of new requests; the queue polls it, so that typed notes are not lost."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            since = datetime.fromisoformat(request.GET.get("since", "")).astimezone(UTC)
        except (ValueError, OverflowError):
            since = timezone.now()
        number = get_queue(request).filter(created_at__gt=since).count()
        return TemplateResponse(request, "admin/booking/unconfirmed/_news.html", {"number": number})

    @admin.display(description="answer within")
    def time_left(self, appointment):
        left = appointment.answer_by - timezone.now()
        return format_html(
            '<strong class="left{}">{}</strong><br><small>by {}</small>',
            " soon" if left < URGENT_BELOW else "",
            timeuntil(appointment.answer_by, depth=1) if left > timedelta() else "over",  # pyright: ignore
            format_local(appointment.answer_by, appointment.location.zone, unless=appointment.home, pattern="%a %H:%M"),
        )

    @admin.display(description="patient")
    def attendee(self, appointment):
        contact = describe_contact(appointment)
        note = Truncator(appointment.notes.strip().partition("\n")[0]).chars(200)
        return format_html(
            "<bdi>{}</bdi>{}<br><small>{}</small>{}{}",
            appointment.attendee_name,
            format_html(" <small>(<bdi>{}</bdi>)</small>", contact) if contact else "",
            phone(appointment.attendee_phone),
            render_identity(appointment),
            format_html('<br><q class="note" dir="auto">{}</q>', note) if note else "",
        )

    @admin.display(description="appointment")
    def what(self, appointment):
        zone = appointment.location.zone
        return format_html(
            '<a href="{}">{}</a> {}<br><small>with {}, {} · <span class="left">{}</span></small>',
            reverse("admin:booking_appointment_change", args=[appointment.pk]),
            format_local(appointment.starts_at, zone, unless=appointment.home, pattern="%a %-d %b, %H:%M"),
            appointment.service,
            appointment.clinician,
            "by video" if appointment.is_remote else appointment.location,
            appointment.reference,
        )

    @admin.display(description="decision")
    def decision(self, appointment):
        confirm, decline = (
            reverse("admin:booking_unconfirmed_decide", args=[appointment.pk, name]) for name in DECISIONS
        )
        return format_html(
            '<span class="decision"><button type="submit" class="confirm" formaction="{}">Confirm</button>'
            '<button type="submit" class="decline" formaction="{}">Decline</button>'
            '<input name="note-{}" maxlength="500" placeholder="Why, if declined" aria-label="Why, if declined: {}">'
            "</span>",
            confirm,
            decline,
            appointment.pk,
            appointment.reference,
        )

    # Deciding

    def get_urls(self):
        return [
            # Not wrapped in admin_view, which would put the login page into the fragment after a logout.
            path("news/", never_cache(self.news_view), name="booking_unconfirmed_news"),
            path(
                "<uuid:pk>/decide/<slug:name>/",
                self.admin_site.admin_view(self.decide_view),
                name="booking_unconfirmed_decide",
            ),
            *super().get_urls(),
        ]

    def decide_view(self, request, pk, name):
        """Confirm or decline one appointment: the buttons of its row."""
        if not self.has_decide_permission(request) or name not in DECISIONS:
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        # Not limited to the queue: if a colleague was faster, the verb refuses with the present status.
        appointment = get_object_or_404(visible_to(request.user, Appointment.objects.all()), pk=pk)
        self.decide(request, appointment, name, note=request.POST.get(f"note-{pk}", ""))
        return HttpResponseRedirect(reverse("admin:booking_unconfirmed_changelist"))

    def decide(self, request, appointment, name, *, note):
        if name != "decline":
            apply_transition(request, appointment, STAFF_TRANSITIONS[name])
            return
        form = NoteForm({"note": note})
        if form.is_valid():
            apply_transition(request, appointment, STAFF_TRANSITIONS[name], note=form.cleaned_data["note"])
        else:
            messages.warning(request, f"{appointment.reference} was not declined. {form.errors['note'][0]}")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[object_id]))
