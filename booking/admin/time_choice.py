"""The part of a dialog in which staff choose a time: an opening, or for those who may, a time against the rules."""

from datetime import UTC, datetime
from typing import NamedTuple

from django import forms
from django.contrib import messages

from booking.admin.desk import get_chosen_opening
from booking.admin.permissions import has_appointment_permission
from booking.admin.time_picker import REASON_LABELS, TimePicker, format_place, format_time, get_form_value
from booking.domain.booking_rules import Rule, find_broken_rules
from booking.domain.overrides import Override
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.models import Appointment
from patients.fields import PlainTextFormField
from scheduling.availability.openings import as_datetime, as_instant
from scheduling.availability.queries import Place
from scheduling.availability.search import Reason
from scheduling.models import Clinician, Location, Service

MAX_OVERRIDABLE = 3  # places at which one time can be overridden: one clinician's, in person and by video


class OverrideForm(forms.Form):
    """Why a time is given against the rules."""

    reason = forms.ChoiceField(choices=[("", "Choose …"), *Appointment.OverrideReason.choices])
    note = PlainTextFormField(max_length=500, required=False, widget=forms.TextInput)


class RefusedTime(NamedTuple):
    """A time that is no opening: why it is not offered, and which rules it would break, if it can be given at all."""

    place: Place
    starts_at: datetime
    time: str
    where: str
    reasons: str
    rules: list[str]

    @property
    def value(self):
        return get_form_value(as_instant(self.starts_at), self.place)

    @property
    def rule_labels(self):
        return ", ".join(str(Rule(rule).label) for rule in self.rules)


class TimeChoice:
    """What a dialog shows of the times of a day, and which of them is chosen.

    ``form`` is an OpeningSearchForm, whose ``why`` is the time that was asked for: by a press into a gap, by a drag, or
    typed. Where that is no opening, ``refused`` says why.
    """

    def __init__(self, request, form, *, moving=None):
        self.form, self.moving = form, moving
        self.may_override = has_appointment_permission(request, "override")
        self.picker = TimePicker(form, rescheduling=moving) if form.is_valid() else None
        if moving and self.picker:
            moving.service = self.picker.service  # to which the service's notice does not apply
        self.wanted = form.cleaned_data["why"] if self.picker else None
        self.rows = self.picker.rows() if self.picker else []
        is_asking = self.wanted and "book" not in request.POST  # for another time than the one that is pressed
        self.submitted = "" if is_asking else request.POST.get("opening", "")
        if "book" not in request.POST and self._is_of_another_day(self.submitted):
            self.submitted = ""  # its day has been left: the new one begins with a time of its own
        self.fold = request.GET.get("fold") == "1"
        self.chosen = self._choose()
        self.refused = [] if self.chosen or not self.picker else self._list_refused()
        is_meant = "reason" in request.GET  # squeezed in: a press before this one has said so
        for one in self.refused:
            if one.rules and (is_meant or one.value == self.submitted):
                self.chosen = one.value
        data = request.POST if self.submitted and self.refused else None
        self.override_form = OverrideForm(data, prefix="override", initial={"reason": request.GET.get("reason")})

    def _is_of_another_day(self, value):
        start = read_instant(value)
        return bool(self.picker and start) and as_datetime(start).astimezone(self.picker.zone).date() != self.picker.day

    def _choose(self):
        """Return the form value of the chosen opening, or "": the submitted one, that asked for, or the first."""
        values = [value for row in self.rows for value, _time in row.times]
        if self.submitted:
            return self.submitted if self.submitted in values else ""
        if not self.wanted:
            return values[0] if values else ""
        at = f"{self.wanted:%H:%M}"
        found = [value for row in self.rows for value, time in row.times if time.startswith(at)]
        return found[min(self.fold, len(found) - 1)] if found else ""

    def _list_refused(self):
        """Return a RefusedTime for each place where the time asked for, or submitted, is no opening."""
        found = self.picker.list_reasons(fold=self.fold)
        if self.submitted:
            start = read_instant(self.submitted)
            found = self.picker.explain_at(as_datetime(start)) if start else []
        found = found or self._list_beyond_hours()
        found = [each for each in found if each[2]]
        can_be_given = self.may_override and len(found) <= MAX_OVERRIDABLE
        refused = [self._refuse(*each, can_be_given=can_be_given) for each in found]
        return [one for one in refused if self.submitted in ("", one.value)]

    def _list_beyond_hours(self):
        """Return the time asked for at a place where its clinician has no hours at all, as list_reasons does."""
        clinician, location = (self.form.cleaned_data[name] for name in ("clinician", "location"))
        if not (self.wanted and clinician and location):
            return []
        is_remote = self.form.cleaned_data["service"].mode == Service.Mode.REMOTE
        place = Place(clinician.pk, clinician.name, location.pk, location.name, is_remote, location.zone)
        starts_at = datetime.combine(self.picker.day, self.wanted, location.zone)
        return [(place, starts_at, {Reason.CLOSED})]

    def _refuse(self, place, starts_at, reasons, *, can_be_given):
        return RefusedTime(
            place,
            starts_at,
            format_time(as_instant(starts_at), place, unless=self.picker.home),
            f"{place.clinician_name}, {format_place(place)}",
            ", ".join(REASON_LABELS[reason] for reason in sorted(reasons)),
            self._list_broken(place, starts_at) if can_be_given else [],
        )

    def _list_broken(self, place, starts_at):
        try:
            return sorted(find_broken_rules(self._request(place, starts_at), moving=self.moving))
        except NotOffered:
            return []

    def _request(self, place, starts_at):
        return OpeningRequest(
            service=self.picker.service,
            starts_at=starts_at,
            clinician=Clinician.objects.get(pk=place.clinician_id),
            location=Location.objects.get(pk=place.location_id),
            is_remote=place.is_remote,
        )

    @property
    def is_skipped(self):
        """Whether the clocks skip the time that was asked for: it is on no clock on that day."""
        location = self.form.cleaned_data["location"] if self.wanted else None
        if not location:
            return False
        asked = datetime.combine(self.picker.day, self.wanted, location.zone)
        return asked.astimezone(UTC).astimezone(location.zone).replace(tzinfo=None) != asked.replace(tzinfo=None)

    def get_opening(self, request):
        """Return the submitted OpeningRequest and the Override it needs, if any.

        Both are None after a message about what is missing.
        """
        refused = next((one for one in self.refused if one.value == self.submitted), None)
        shown = request.POST.get(f"rules {self.submitted}", "").split()
        if not (refused and refused.rules and shown):
            return get_chosen_opening(request, self.picker), None
        if not self.override_form.is_valid():
            messages.error(request, "Say why it is given against the rules.")
            return None, None
        return self._request(refused.place, refused.starts_at), Override(shown, **self.override_form.cleaned_data)


def read_instant(value):
    """Return the instant of an opening's form value, or None."""
    start = value.split(" ")[0]
    return int(start) if start.isascii() and start.isdigit() and len(start) < 11 else None


def read_start(text, location):
    """Return the form's ``day`` and ``why`` for a start on the location's clock: 2026-12-01T09:30, or with an offset.

    Nothing for a text that is no time.
    """
    try:
        start = datetime.fromisoformat(text)
        if start.tzinfo and location:
            start = start.astimezone(location.zone)
    except (ValueError, OverflowError):
        return {}
    return {"day": f"{start:%Y-%m-%d}", "why": f"{start:%H:%M}"}
