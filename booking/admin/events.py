"""The audit trail: its read-only list, and the log on the page of a booking or an order."""

from datetime import datetime, time

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat

from booking.access.visibility import visible_to
from booking.admin.day_bar import DAY, DayFilter, add_day_bar
from booking.admin.event_sentences import Subject, name_subjects, write_sentence
from booking.domain.appointments import normalize_reference
from booking.models import Appointment, Event, Hold, Order, WaitlistEntry
from patients.admin.filters import OnePatientFilter
from patients.admin.patient_field import is_id
from patients.models import Patient
from patients.search import list_matching_keys
from scheduling.admin import ReadOnlyMixin
from scheduling.lib.timezones import format_local
from scheduling.models.local_zones import find_home_zone

ACTOR_LABELS = {"patient": "the patient", "worker": "the system"}


def annotate_staff_names(events):
    """Annotate events with ``staff_name``: the login of the member of staff whose id ``actor`` holds, if any."""
    staff = get_user_model().objects.annotate(tag=Concat(Value("staff:"), Cast("pk", CharField())))
    return events.annotate(
        staff_name=Subquery(staff.filter(tag=OuterRef("actor")).values(get_user_model().USERNAME_FIELD)[:1])
    )


def list_events(subject, *, zone):
    """Return the subject's events as pairs of time and sentence."""
    events = annotate_staff_names(Event.objects.filter(subject_id=subject.pk)).order_by("sequence")
    return [
        (
            format_local(event.created_at, zone, pattern="%-d %b %Y, %H:%M:%S"),
            write_sentence(event, who=name_actor(event), subject=HERE[event.subject_type], zone=zone),
        )
        for event in events
    ]


def name_actor(event):
    """Return who did what an event of annotate_staff_names tells."""
    if event.actor.startswith("key:"):
        return "a program"
    return event.staff_name or ACTOR_LABELS.get(event.actor, "somebody")


# What an event is called on the page of what it is about.
HERE = {
    Event.SubjectType.BOOKING: Subject("the visit"),
    Event.SubjectType.PATIENT: Subject("the record"),
    Event.SubjectType.ORDER: Subject("the order"),
    Event.SubjectType.LOCATION: Subject("the location"),
    Event.SubjectType.WAITLIST: Subject("the wish"),
}


class WhoFilter(admin.SimpleListFilter):
    """By who did it: a member of staff, the patients themselves, programs or the system."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request, model_admin):
        users = visible_to(request.user, get_user_model().objects.filter(is_staff=True)).order_by("username")
        others = [("patient", "The patients"), ("key:", "Programs"), ("worker", "The system")]
        return [*((f"staff:{user.pk}", user.get_username()) for user in users), *others]

    def queryset(self, request, queryset):
        value = self.value()
        if not value:
            return queryset
        if value.startswith("staff:"):  # said twice for the index event_of_staff
            return queryset.filter(actor=value, actor__startswith="staff:")
        return queryset.filter(actor__startswith=value) if value == "key:" else queryset.filter(actor=value)


class AboutFilter(admin.SimpleListFilter):
    """By what sort of thing it is about."""

    title = "about"
    parameter_name = "about"

    def lookups(self, request, model_admin):
        names = {"booking": "Visits", "patient": "Patients’ records", "order": "Orders"}
        return [*names.items(), ("location", "Locations"), ("waitlist", "The waiting list")]

    def queryset(self, request, queryset):
        return queryset.filter(subject_type=self.value()) if self.value() else queryset


class OfPatientFilter(OnePatientFilter):
    """All that happened with one patient: set by the link on the patient's page."""

    def queryset(self, request, queryset):
        if not self.value():
            return queryset
        people = Patient.objects.filter(pk=self.value()) if is_id(self.value()) else Patient.objects.none()
        may_see = request.user.has_perm("patients.view_patient")
        return queryset.filter(
            subject_id__in=list_subjects(visible_to(request.user, people) if may_see else people.none())
        )


def list_subjects(people):
    """Return the ids of patients and of all that is theirs and has events."""
    patient_ids = [patient.pk for patient in people]
    found = set(patient_ids)
    for model in (Appointment, Hold, Order, WaitlistEntry):
        found.update(model.objects.filter(patient__in=patient_ids).values_list("pk", flat=True))
    return list(found)


class EventDayFilter(DayFilter):
    """By day, of the clinic's own zone."""

    def lookups(self, request, model_admin):
        return [("today", "Today")]

    def queryset(self, request, queryset):
        day = self.get_day()
        if day is None:
            return queryset
        start = datetime.combine(day, time(), self.zone)
        return queryset.filter(created_at__gte=start, created_at__lt=datetime.combine(day + DAY, time(), self.zone))


class EventList(ChangeList):
    """A page of events, each with its ``sentence``."""

    def get_results(self, request):
        super().get_results(request)
        events = list(self.result_list)
        subjects, zone = name_subjects(request, events), find_home_zone()
        for event in events:
            event.sentence = write_sentence(
                event, who=name_actor(event), subject=subjects.get(event.subject_id), zone=zone
            )
            event.at = format_local(event.created_at, zone, pattern="%-d %b %Y, %H:%M:%S")
        self.result_list = events


@admin.register(Event)
class EventAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """What happened, as sentences. Patients are named to those who may see them, which is noted."""

    list_display = ["when", "what"]
    list_display_links = None
    list_filter = [EventDayFilter, WhoFilter, AboutFilter, OfPatientFilter]
    sortable_by = []
    search_fields = ["subject_id"]  # shows the search box; get_search_results does the search
    search_help_text = "The reference of an appointment, a patient as in the list of patients, or an id."
    ordering = ["-id"]
    show_full_result_count = False
    list_per_page = 50
    fields = ["created_at", "kind", "sequence", "actor_name", "from_status", "to_status", "data"]

    def get_queryset(self, request):
        return annotate_staff_names(super().get_queryset(request))

    def get_changelist(self, request, **kwargs):
        return EventList

    def get_search_results(self, request, queryset, search_term):
        text = search_term.strip()
        if not text:
            return queryset, False
        if is_id(text):
            return queryset.filter(subject_id=text), False
        ids = list(Appointment.objects.filter(reference=normalize_reference(text)).values_list("pk", flat=True))
        if not ids and request.user.has_perm("patients.view_patient"):
            among = visible_to(request.user, Patient.objects.all())
            ids = list_subjects(Patient.objects.filter(pk__in=list_matching_keys(text, among=among)))
        return queryset.filter(subject_id__in=ids), False

    def changelist_view(self, request, extra_context=None):
        response = super().changelist_view(request, {"title": "What happened", **(extra_context or {})})
        add_day_bar(response, EventDayFilter)
        return response

    @admin.display(description="when")
    def when(self, event):
        return event.at

    @admin.display(description="what")
    def what(self, event):
        return event.sentence

    @admin.display(description="by")
    def actor_name(self, event):
        return event.staff_name or event.actor
