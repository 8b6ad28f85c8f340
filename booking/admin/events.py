"""The audit trail: its read-only list, and the log on the page of a booking or an order."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.html import format_html

from booking.domain.overrides import Rule
from booking.models import Appointment, Event, Hold, Order, WaitlistEntry
from booking.models.enums import EventKind
from patients.models import Patient
from scheduling.admin import ReadOnlyMixin
from scheduling.lib.timezones import format_local
from scheduling.models import Location

EVENT_LABELS = {
    EventKind.HOLD_PLACED: "The time was held",
    EventKind.HOLD_EXTENDED: "Held for longer",
    EventKind.HOLD_MOVED: "Another time was held instead",
    EventKind.HOLD_RELEASED: "The time was given back",
    EventKind.HOLD_EXPIRED: "Held no longer: nobody confirmed it in time",
    EventKind.HOLD_CONFIRMED: "The held time was taken",
    EventKind.APPOINTMENT_CREATED: "Booked",
    EventKind.APPOINTMENT_UPDATED: "Changed",
    EventKind.APPOINTMENT_RESCHEDULED: "Given another time",
    EventKind.APPOINTMENT_CANCELLED: "Cancelled",
    EventKind.APPOINTMENT_COMPLETED: "Completed",
    EventKind.APPOINTMENT_NO_SHOW: "Nobody came",
    EventKind.APPOINTMENT_STRANDED: "Its time cannot be kept",
    EventKind.APPOINTMENT_OFFERED: "Other times were offered",
    EventKind.APPOINTMENT_SETTLED: "It is settled what becomes of it",
    EventKind.APPOINTMENT_OVERRIDDEN: "Given its time against the rules",
    EventKind.APPROVER_ASKED: "The approver was asked",
    EventKind.APPROVER_AGREED: "The approver agreed",
    EventKind.APPROVER_REFUSED: "The approver refused",
    EventKind.APPROVER_WITHDRAWN: "The approver was told that it is off",
    EventKind.APPROVER_IGNORED: "The approver said before the visit what became of it: ignored",
    EventKind.ORDER_CREATED: "Ordered",
    EventKind.ORDER_UPDATED: "Changed",
    EventKind.ORDER_CANCELLED: "Cancelled",
    EventKind.ORDER_LINK_SENT: "The link was e-mailed",
    EventKind.ORDER_LINK_REVOKED: "The link was taken back",
    EventKind.WAITLIST_JOINED: "On the waiting list",
    EventKind.WAITLIST_CONFIRMED: "The e-mail address was confirmed",
    EventKind.WAITLIST_UPDATED: "Changed",
    EventKind.WAITLIST_OFFERED: "Offered a time",
    EventKind.WAITLIST_OFFER_ENDED: "The offer ended",
    EventKind.WAITLIST_ENDED: "Off the waiting list",
}
SUBJECT_MODELS = {
    Event.SubjectType.BOOKING: Hold,  # until it is an appointment
    Event.SubjectType.ORDER: Order,
    Event.SubjectType.PATIENT: Patient,
    Event.SubjectType.LOCATION: Location,
    Event.SubjectType.WAITLIST: WaitlistEntry,
}
ACTOR_LABELS = {"patient": "the patient", "worker": "the system"}
STATUS_LABELS = {**dict(Hold.Status.choices), **dict(Appointment.Status.choices)}
REASON_LABELS = {**dict(Appointment.OverrideReason.choices), **dict(Appointment.CancellationReason.choices)}
DATA_LABELS = {
    "expires_at": "until",
    "good_until": "good until",
    "meeting_url": "video link",
    "undone": "taken back",
    "seen_at": "with the clinician",
    **dict(Rule.choices),
}


def annotate_staff_names(events):
    """Annotate events with ``staff_name``: the login of the member of staff whose id ``actor`` holds, if any."""
    staff = get_user_model().objects.annotate(tag=Concat(Value("staff:"), Cast("pk", CharField())))
    return events.annotate(
        staff_name=Subquery(staff.filter(tag=OuterRef("actor")).values(get_user_model().USERNAME_FIELD)[:1])
    )


def list_events(subject, *, zone):
    """Return the subject's events as rows of (when, what, who, from, to, details)."""
    events = annotate_staff_names(Event.objects.filter(subject_id=subject.pk)).order_by("sequence")
    return [
        (
            format_local(event.created_at, zone, pattern="%-d %b %Y, %H:%M:%S"),
            EVENT_LABELS.get(event.kind, event.kind),  # pyright: ignore[reportCallIssue]
            event.staff_name or ACTOR_LABELS.get(event.actor, event.actor),
            STATUS_LABELS.get(event.from_status, ""),
            STATUS_LABELS.get(event.to_status, ""),
            ", ".join(
                f"{DATA_LABELS.get(name, name)}: {format_event_value(value, zone)}"
                for name, value in event.data.items()
            ),
        )
        for event in events
    ]


def format_event_value(value, zone):
    """Return a value of an event's data as readable text."""
    if isinstance(value, list):
        return ", ".join(DATA_LABELS.get(item, item).replace("_", " ") for item in value)
    try:
        return format_local(datetime.fromisoformat(value), zone)
    except ValueError:
        return REASON_LABELS.get(value) or STATUS_LABELS.get(value, value)


@admin.register(Event)
class EventAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["created_at", "kind", "booking", "actor_name", "from_status", "to_status", "data"]
    list_display_links = None
    list_filter = ["kind", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["subject_id"]  # shows the search box; get_search_results does the search
    search_help_text = "The reference of an appointment, or the id of a hold or an appointment."
    ordering = ["-id"]
    show_full_result_count = False
    fields = ["created_at", "kind", "booking", "sequence", "actor_name", "from_status", "to_status", "data"]

    def get_queryset(self, request):
        reference = Appointment.objects.filter(pk=OuterRef("subject_id")).values("reference")
        return annotate_staff_names(super().get_queryset(request)).annotate(reference=Subquery(reference))

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        booking = Q(subject_id__in=Appointment.objects.filter(reference__iexact=search_term.strip()).values("pk"))
        with suppress(ValueError):
            booking |= Q(subject_id=UUID(search_term.strip()))
        return queryset.filter(booking), False

    def booking(self, event):
        model = Appointment if event.reference else SUBJECT_MODELS[event.subject_type]
        url = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_change", args=[event.subject_id])
        return format_html('<a href="{}">{}</a>', url, event.reference or model._meta.verbose_name)

    @admin.display(description="by", ordering="actor")
    def actor_name(self, event):
        return event.staff_name or event.actor
