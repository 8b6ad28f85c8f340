"""Who has seen which patients: the middleware that writes it down for all of admin, and its read-only list."""

from contextlib import suppress
from ipaddress import ip_address
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.views.main import ChangeList
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.forms import BaseForm, ModelForm
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from booking.access.client_identity import get_address
from booking.admin.events import ACTOR_LABELS, annotate_staff_names
from booking.admin.permissions import get_actor
from booking.domain.patient_access import record_access
from booking.models import ApiKey, Appointment, Order, PatientAccess, WaitlistEntry
from booking.ops.middleware import is_admin
from patients.admin.filters import OnePatientFilter
from patients.admin.patient_field import PatientField, is_id
from patients.admin.shown_patients import get_noted
from patients.models import Consent, Patient, PossibleDuplicate
from scheduling.admin import ReadOnlyMixin

NAMING = (
    Patient,
    PossibleDuplicate,
    Appointment,
    Order,
    Consent,
    WaitlistEntry,
)  # the models whose rows name a patient
MAX_LINKS = 5  # to the patients of one row of the list
SEARCHES = ("q", "term")  # the parameters with what was searched for, which is written down nowhere


def record_shown_patients(get_response):
    """Write a row for each answer of admin that shows patients, whatever view has made it.

    A page's context says whom it shows; what is no page is noted by note_shown.
    """

    def middleware(request):
        response = get_response(request)
        if is_admin(request) and request.user.is_authenticated:
            is_page = response.status_code == 200
            shown = find_shown_patients(getattr(response, "context_data", None)) if is_page else set()
            shown |= get_noted(request)
            is_search = any(request.GET.get(name, "").strip() for name in SEARCHES)
            record(request, shown, PatientAccess.Action.SEARCH if is_search else PatientAccess.Action.VIEW)
        return response

    return middleware


def record(request, patient_ids, action):
    """Write down that the member of staff behind a request has seen these patients, if any."""
    record_access(
        patient_ids,
        action=action,
        actor=get_actor(request),
        page=request.resolver_match.view_name,
        address=get_address(request),
    )


def find_shown_patients(context) -> set[UUID]:
    """Return the ids of the patients in the context of a page: in its lists, its forms, or by themselves."""
    found = set()
    _collect(context, found)
    return found


def _collect(value, found):
    match value:
        case Patient():
            found.add(value.pk)
        case PossibleDuplicate():
            found.update([value.patient_id, value.other_id])
        case Appointment() | Order() | Consent() | WaitlistEntry():
            found.update([value.patient_id] if value.patient_id else [])
        case ChangeList():
            _collect(value.result_list, found)
        case AdminForm():
            _collect(value.form, found)
        case BaseForm():
            _collect_form(value, found)
        case dict():
            _collect(list(value.values()), found)
        case list() | tuple():
            for each in value:
                _collect(each, found)
        case QuerySet() if value.model._meta.concrete_model in NAMING:
            _collect(list(value), found)


def _collect_form(form, found):
    if isinstance(form, ModelForm) and not form.instance._state.adding:
        _collect(form.instance, found)
    chosen = [form[name].value() for name, field in form.fields.items() if isinstance(field, PatientField)]
    found.update(UUID(str(value)) for value in chosen if value and is_id(value))


class ActorFilter(admin.SimpleListFilter):
    """Everything that one member of staff, or one key, has seen: set by the links of the list."""

    title = parameter_name = "actor"

    def lookups(self, request, model_admin):
        return [(self.value(), self.value())] if self.value() else [("staff", "Staff"), ("key", "API keys")]

    def queryset(self, request, queryset):
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(actor=value) if ":" in value else queryset.filter(actor__startswith=f"{value}:")


class PatientFilter(OnePatientFilter):
    """Everybody who has seen one patient: set by the link on the patient's page."""

    def queryset(self, request, queryset):
        if not self.value():
            return queryset
        return queryset.filter(patient_ids__contains=[self.value()]) if is_id(self.value()) else queryset.none()


@admin.register(PatientAccess)
class PatientAccessAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """By patient and by actor. It names no patient, so that looking at it is no look at one."""

    list_display = ["created_at", "who", "action", "patients", "page", "address"]
    list_display_links = None
    list_filter = ["action", ActorFilter, PatientFilter, ("created_at", admin.DateFieldListFilter)]
    search_fields = ["actor"]  # shows the search box; get_search_results does the search
    search_help_text = "A patient's id, a login of staff, or an address that somebody has looked from."
    ordering = ["-id"]
    show_full_result_count = False
    list_per_page = 50
    fields = ["created_at", "who", "action", "patients", "page", "address"]

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Who has seen which records", **(extra_context or {})})

    def get_queryset(self, request):
        keys = ApiKey.objects.annotate(tag=Concat(Value("key:"), Cast("holder", CharField())))
        names = keys.filter(tag=OuterRef("actor")).values("name")
        return annotate_staff_names(super().get_queryset(request)).annotate(key_name=Subquery(names[:1]))

    def get_search_results(self, request, queryset, search_term):
        text = search_term.strip()
        if not text:
            return queryset, False
        if is_id(text):
            return queryset.filter(patient_ids__contains=[text]), False
        return queryset.filter(address=text) if is_address(text) else queryset.filter(staff_name=text), False

    @admin.display(description="who", ordering="actor")
    def who(self, access):
        name = access.staff_name or access.key_name or ACTOR_LABELS.get(access.actor, access.actor)
        page = reverse("admin:booking_patientaccess_changelist", query={"actor": access.actor})
        return format_html('<a href="{}">{}</a>', page, name)

    @admin.display(description="whom")
    def patients(self, access):
        links = [
            (reverse("admin:patients_patient_change", args=[id]), str(id)[:8]) for id in access.patient_ids[:MAX_LINKS]
        ]
        more = len(access.patient_ids) - len(links)
        shown = format_html_join(", ", '<a href="{}">{}</a>', links)
        return format_html("{} and {} more", shown, more) if more else shown


def is_address(text):
    """Return whether the text is an address of the internet protocol."""
    with suppress(ValueError):
        return bool(ip_address(text))
    return False
