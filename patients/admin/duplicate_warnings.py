"""Warnings about a new patient who may have a record already."""

from django.contrib import admin, messages
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html

from patients.admin.shown_patients import note_shown
from patients.models import PossibleDuplicate


def get_open_pairs(request):
    """Return the possible duplicates that staff may see, and that are neither merged nor dismissed."""
    pairs = admin.site.get_model_admin(PossibleDuplicate).get_queryset(request)
    return pairs.filter(dismissed_at=None, patient__archived_at=None, other__archived_at=None)


def warn_about_duplicates(request, patient):
    """Add a message for each possible duplicate of a new patient, with a link that compares the two."""
    pairs = get_open_pairs(request).filter(Q(patient=patient) | Q(other=patient)).select_related("patient", "other")
    for pair in pairs:
        other = pair.patient if pair.other_id == patient.pk else pair.other
        note_shown(request, [other.pk])
        page = reverse("admin:patients_possibleduplicate_changelist", query={"id__in": pair.pk})
        is_permitted = request.user.has_perm("patients.view_possibleduplicate")
        link = format_html(': <a href="{}">compare</a>', page) if is_permitted else "."
        messages.warning(request, format_html("{} looks like {}, {}{}", patient, other, pair.reason, link))
