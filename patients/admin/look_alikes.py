"""Whoever has just been written down and may be there already."""

from django.contrib import messages
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html

from patients.models import PossibleDuplicate


def open_pairs():
    """Return the possible duplicates that nobody has decided upon."""
    return PossibleDuplicate.objects.filter(dismissed_at=None, patient__archived_at=None, other__archived_at=None)


def warn_about_look_alikes(request, patient):
    """Say whom a new patient looks like, if anybody, and where the two are compared."""
    pairs = open_pairs().filter(Q(patient=patient) | Q(other=patient)).select_related("patient", "other")
    for pair in pairs:
        like = pair.patient if pair.other_id == patient.pk else pair.other
        page = reverse("admin:patients_possibleduplicate_changelist", query={"id__in": pair.pk})
        may_compare = request.user.has_perm("patients.view_possibleduplicate")
        link = format_html(': <a href="{}">compare</a>', page) if may_compare else "."
        messages.warning(request, format_html("{} looks like {}, {}{}", patient, like, pair.reason, link))
