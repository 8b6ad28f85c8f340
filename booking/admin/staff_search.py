"""Search everything: one field for visits, references, patients and clinicians. And which keys do what."""

from datetime import timedelta
from operator import attrgetter
from typing import NamedTuple

from django.contrib import admin
from django.db.models import F, Q
from django.http import HttpResponseNotAllowed
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.dialogs import redirect_after, render_dialog
from booking.admin.diary_booking import search_known_patients
from booking.admin.permissions import has_appointment_permission
from booking.domain.appointments import REFERENCE_ALPHABET, normalize_reference
from booking.models import Appointment, DeskSettings
from patients.models import Patient
from scheduling.models import Clinician
from scheduling.models.local_zones import get_home_zone

MAX_VISITS, MAX_CLINICIANS = 8, 4
MIN_LETTERS = 2
MIN_REFERENCE = 4
LETTERS_INDEXED = 3  # together: appointment_attendee_name
STILL_COMING = timedelta(hours=12)  # who was here this morning is asked for, too
KEYS = [
    ("/", "search everything"),
    ("n", "book a visit"),
    ("t", "today"),
    ("← →", "the day before, the day after"),
    ("↑ ↓", "from visit to visit"),
    ("Esc", "close what is open"),
    ("?", "these keys"),
]


class Found(NamedTuple):
    """What a search has found: of the visits those to come first, then those that are over, the latest first."""

    visits: list[Appointment]
    patients: list[Patient]
    clinicians: list[Clinician]


@admin.site.page("diary/search/", name="diary_search")
def search_everything(request):
    """Show what a text describes: a reference, a name, a number, a birth date, an address."""
    text = request.GET.get("q", "").replace("\0", "").strip()  # which PostgreSQL takes in no text
    found = find(request, text) if len(text) >= MIN_LETTERS else Found([], [], [])
    return render_dialog(
        request,
        "admin/desk/search.html",
        title="Search everything",
        query=text,
        found=found,
        is_searched=len(text) >= MIN_LETTERS,
        now=timezone.now(),
        may_book=has_appointment_permission(request, "add"),
    )


def find(request, text):
    """Return what the text describes, as far as the member of staff may see it."""
    patients = search_known_patients(request, text)
    clinicians = visible_to(request.user, Clinician.objects.filter(is_active=True, name__icontains=text))
    sees_clinicians = request.user.has_perm("scheduling.view_clinician")
    return Found(
        find_visits(request, text, [patient.pk for patient in patients]),
        patients,
        list(clinicians[:MAX_CLINICIANS]) if sees_clinicians else [],
    )


def find_visits(request, text, patient_ids):
    """Return the visits of these patients, of attendees of that name, and with that reference, those to come first."""
    if not has_appointment_permission(request, "view"):
        return []
    related = ("service", "clinician", "location", "patient")
    rows = visible_to(request.user, Appointment.objects.select_related(*related)).annotate(home=get_home_zone())
    of_patients = Q(patient__in=patient_ids)
    coming = rows.filter(starts_at__gte=timezone.now() - STILL_COMING)
    # Asked one after the other: for either of two PostgreSQL would read all that are to come.
    named = coming.filter(match_attendee(text), status__in=Appointment.STANDING).order_by(order_of_named(text))
    soon = {
        visit.pk: visit
        for visit in [*coming.filter(of_patients).order_by("starts_at")[:MAX_VISITS], *named[:MAX_VISITS]]
    }
    found = [
        *rows.filter(match_reference(text)).order_by("-starts_at")[:MAX_VISITS],
        *sorted(soon.values(), key=attrgetter("starts_at"))[:MAX_VISITS],
    ]
    if len(found) < MAX_VISITS:
        found += (
            rows.filter(of_patients)
            .exclude(starts_at__gte=timezone.now() - STILL_COMING)
            .order_by("-starts_at")[: MAX_VISITS - len(found)]
        )
    return list({visit.pk: visit for visit in found}.values())[:MAX_VISITS]


def match_reference(text):
    """Return a Q for the visits whose reference is the text, or begins with it."""
    reference = normalize_reference(text)
    letters = reference.replace("-", "")
    if len(letters) < MIN_REFERENCE or not set(letters) <= set(REFERENCE_ALPHABET):
        return Q(pk__in=[])
    return Q(reference__startswith=reference.rstrip("-"))


def order_of_named(text):
    """Return the start of a visit, as an expression where the index of names' letters can find who is named so.

    In the order of starts, which has an index, PostgreSQL would read all visits to come for a rare name.
    """
    is_indexed = any(len(word) >= LETTERS_INDEXED for word in text.split())
    return F("starts_at") + timedelta() if is_indexed else F("starts_at")


def match_attendee(text):
    """Return a Q for the visits whose attendee has every word of the text in their name."""
    if not any(map(str.isalpha, text)):
        return Q(pk__in=[])
    query = Q()
    for word in text.split():
        query &= Q(attendee_name__icontains=word)
    return query


@admin.site.page("diary/keys/", name="diary_keys")
def show_keys(request):
    """List the keys, and let the member of staff turn those of one character off."""
    if request.method not in ("GET", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    if request.method == "POST":
        chosen = {"has_shortcuts": "has_shortcuts" in request.POST}
        DeskSettings.objects.update_or_create(user=request.user, defaults=chosen)
        if response := redirect_after(request, "admin:diary_keys"):
            return response
    has_shortcuts = get_has_shortcuts(request.user)
    return render_dialog(request, "admin/desk/keys.html", title="Keys", keys=KEYS, has_shortcuts=has_shortcuts)


def get_has_shortcuts(user):
    """Return whether single keys do something for a member of staff."""
    return not DeskSettings.objects.filter(user=user, has_shortcuts=False).exists()
