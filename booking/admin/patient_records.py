"""PatientAdmin's pages that ask before a record and its visits are changed: contacts, the archive, merges."""

from copy import copy

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.html import format_html

from booking.access.visibility import visible_to
from booking.admin.appointment_warnings import get_upcoming_appointments, warn_about_appointments
from booking.admin.patient_conflicts import list_overlapping, render_links
from booking.admin.permissions import get_actor, has_appointment_permission
from booking.domain import patients
from booking.domain.archiving import archive_with_visits
from booking.domain.contact_corrections import ATTENDEE_FIELDS, correct_patient, list_coming_visits
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.models import Appointment
from patients.admin.duplicates import has_other_nhs_number, render_person
from patients.merging import CannotMerge, CannotUndoMerge, find_undoable_merges
from patients.models import ArchiveReason, Patient
from scheduling.lib.timezones import format_local

ALREADY_ASKED = "visits_asked"  # the input of the page that asks


class MustAskAboutVisits(Exception):
    """The patient has coming visits that are written to as they were known before: pairs of visit and tick."""

    def __init__(self, visits):
        self.visits = visits
        super().__init__()


class ArchiveForm(forms.Form):
    """Why records are put away."""

    reason = forms.ChoiceField(choices=[("", "Choose …"), *ArchiveReason.choices])
    is_told = forms.BooleanField(
        required=False,
        initial=True,
        label="Tell them by e-mail",
        help_text="Of the visits that are cancelled. Nobody who has died is written to.",
    )


def render_warning(request, *, keep, duplicate):
    """Return which visits of both are at the same time: nobody was at two places, but a merge goes on."""
    overlapping = list_overlapping(keep, duplicate) | list_overlapping(duplicate, keep)
    if not overlapping.exists():
        return ""
    return format_html("They have visits at the same time. {}", render_links(request, overlapping))


class PatientRecordsMixin:
    """PatientAdmin with its coming visits: what is changed of a record is offered for them too."""

    # Contacts

    def changeform_view(self, request, object_id=None, *args, **kwargs):
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except MustAskAboutVisits as question:
            return self._ask_about_visits(request, object_id, question.visits)
        except ChangedMeanwhile:
            messages.error(request, "One of the visits was given another time just now. Nothing was saved.")
            return HttpResponseRedirect(request.get_full_path())

    def change_patient(self, request, patient, details):
        """Change a patient; raises MustAskAboutVisits where coming visits have what is changed, until that is asked."""
        is_asked = ALREADY_ASKED in request.POST
        if not is_asked and (visits := self._list_outdated_visits(request, patient, details)):
            raise MustAskAboutVisits(visits)
        visits = self._list_visits(request, patient).filter(pk__in=get_ids(request, "visits"))
        chosen = list(visits.values_list("pk", flat=True)) if is_asked else []
        correct_patient(patient.pk, details, visits=chosen, actor=get_actor(request))
        if chosen:
            number = "1 coming visit" if len(chosen) == 1 else f"{len(chosen)} coming visits"
            messages.success(request, f"Changed for {number} too. Links that went to another address end.")

    @staticmethod
    def _list_visits(request, patient):
        """Return the coming visits that the member of staff may change."""
        rows = visible_to(request.user, list_coming_visits(patient.pk))
        return rows if request.user.has_perm("booking.change_appointment") else rows.none()

    def _list_outdated_visits(self, request, patient, details):
        before = Patient.objects.get(pk=patient.pk)
        old, new = before.contact, details(copy(before)).contact
        changed = [name for name in ATTENDEE_FIELDS if old[name] != new[name]]
        asked = []
        for visit in self._list_visits(request, patient) if changed else []:
            present = {name: getattr(visit, ATTENDEE_FIELDS[name]) for name in changed}
            if any(present[name] != new[name] for name in changed):
                asked.append((visit, all(present[name] in (old[name], new[name]) for name in changed)))
        return asked

    def _ask_about_visits(self, request, object_id, visits):
        sent = [(name, value) for name, values in request.POST.lists() for value in values]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"Also for {len(visits)} coming visit{'s' if len(visits) > 1 else ''}?",
            "patient": get_object_or_404(self.get_queryset(request), pk=object_id),
            "visits": [(visit, format_start(visit), is_ticked) for visit, is_ticked in visits],
            "sent": [(name, value) for name, value in sent if name != "csrfmiddlewaretoken"],
            "already_asked": ALREADY_ASKED,
        }
        return TemplateResponse(request, "admin/patients/patient/coming_visits.html", context)

    # The archive

    @admin.action(description="Archive …", permissions=["change"])
    def archive(self, request, queryset):
        chosen = list(queryset)
        form = ArchiveForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            self._archive(request, chosen, **form.cleaned_data)
            return None
        may_cancel = has_appointment_permission(request, "decide")
        visits = [visit for patient in chosen for visit in self._list_visits(request, patient)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Archive a patient" if len(chosen) == 1 else f"Archive {len(chosen)} patients",
            "chosen": chosen,
            "form": form,
            "visits": [(visit, format_start(visit)) for visit in visits],
            "may_cancel": may_cancel,
            "return_url": request.get_full_path() if len(chosen) != 1 else self.get_change_url(chosen[0]),
        }
        return TemplateResponse(request, "admin/patients/patient/archive.html", context)

    def _archive(self, request, chosen, *, reason, is_told):
        may_cancel = has_appointment_permission(request, "decide")
        visits = get_ids(request, "visits") if may_cancel else []
        archived, cancelled = 0, 0
        for patient in [each for each in chosen if not each.archived_at]:
            allowed = self._list_visits(request, patient).filter(pk__in=visits).values_list("pk", flat=True)
            try:
                gone = archive_with_visits(
                    patient, reason=reason, visits=list(allowed), actor=get_actor(request), email=is_told
                )
            except (WrongState, ChangedMeanwhile):
                messages.error(request, f"{patient} was not archived: a visit was changed just now. Look again.")
                continue
            archived, cancelled = archived + 1, cancelled + len(gone)
            self.log_change(request, patient, f"Archived: {ArchiveReason(reason).label}.")
            left = get_upcoming_appointments(patient=patient)
            warn_about_appointments(request, left, f"of {patient}, who is in the archive now.")
        also = f" Cancelled: {cancelled}." if cancelled else ""
        text = f"Archived: {archived}. They stay as they are, but new bookings no longer find them.{also}"
        messages.success(request, text)

    def archive_tool(self, request, patient):
        return self.archive(request, [patient])

    # Merges

    @admin.action(description="Merge two …", permissions=["merge"])
    def merge(self, request, queryset):
        chosen = list(queryset[:3])
        if len(chosen) != 2:
            messages.error(request, "Tick two patients to merge: the records of one person.")
            return None
        first, second = sorted(chosen, key=lambda patient: patient.created_at)
        keep = {str(each.pk): each for each in chosen}.get(request.POST.get("keep", ""))
        if keep:
            self._merge(request, keep=keep, duplicate=second if keep == first else first)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Merge two records of one patient",
            "people": [(first, render_person(first, beside=second)), (second, render_person(second, beside=first))],
            "differ": has_other_nhs_number(first, second),
            "warning": render_warning(request, keep=first, duplicate=second),
        }
        return TemplateResponse(request, "admin/patients/patient/merge.html", context)

    def has_merge_permission(self, request):
        return request.user.has_perm("patients.change_possibleduplicate")

    def _merge(self, request, *, keep, duplicate):
        try:
            patients.merge(keep=keep, duplicate=duplicate, actor=get_actor(request))
        except CannotMerge:
            reason = "one of the two is archived by now, or their NHS numbers differ."
            messages.warning(request, f"{duplicate} was not merged: {reason}")
        else:
            text = f"Merged: everything of both is {keep}'s now; the other record is archived."
            messages.success(request, f"{text} For a day this can be undone.")

    def unmerge_tool(self, request, patient):
        """Undo the merge that has archived a record, after saying what stays."""
        if not self.has_merge_permission(request):
            raise PermissionDenied
        merge = next((each for each in find_undoable_merges(patient) if each.duplicate_id == patient.pk), None)
        if request.method == "POST":
            try:
                undone = patients.unmerge(patient, actor=get_actor(request))
            except CannotUndoMerge as refusal:
                messages.error(request, f"{refusal.message} Nothing was changed.")
                return None
            messages.success(request, f"{undone.restored} and {undone.kept} are two records again.")
            if undone.needs_differ:
                messages.warning(request, f"What {undone.kept} needs was changed since: look whether it is theirs.")
            return None
        kept = merge and get_object_or_404(self.get_queryset(request), pk=merge.kept_id)
        since = []
        if merge:
            later = Appointment.objects.filter(patient=kept, created_at__gt=merge.merged_at)
            since = visible_to(request.user, later.select_related("location", "service"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Undo a merge",
            "patient": patient,
            "kept": kept,
            "since": [(visit, format_start(visit)) for visit in since],
            "return_url": self.get_change_url(patient),
        }
        return TemplateResponse(request, "admin/patients/patient/unmerge.html", context)

    def render_change_form(self, request, context, obj=None, **kwargs):
        if obj and self.has_merge_permission(request):
            context["undoable"] = [merge.duplicate_id for merge in find_undoable_merges(obj)]
        return super().render_change_form(request, context, obj=obj, **kwargs)


def get_ids(request, name):
    """Return the ids of ticked boxes, without those that are none."""
    field = forms.UUIDField(required=False)
    return [field.clean(value) for value in request.POST.getlist(name) if len(value) == 36]


def format_start(visit):
    return format_local(visit.starts_at, visit.location.zone, unless=visit.location.zone)
