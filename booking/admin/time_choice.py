"""The part of a dialog in which staff choose a time: one of a day's openings, or the time they have asked for."""

from datetime import UTC, datetime

from booking.admin.desk import get_chosen_opening
from booking.admin.time_picker import REASON_LABELS, TimePicker, format_place, get_form_value
from scheduling.availability.openings import as_instant


class TimeChoice:
    """What a dialog shows of the times of a day, and which of them is chosen.

    ``form`` is an OpeningSearchForm, whose ``why`` is the time that was asked for: by a press into a gap, by a drag, or
    typed. Without an opening then, ``refusals`` say why.
    """

    def __init__(self, request, form, *, rescheduling=None):
        self.form = form
        self.picker = TimePicker(form, rescheduling=rescheduling) if form.is_valid() else None
        self.wanted = form.cleaned_data["why"] if self.picker else None
        self.rows = self.picker.rows() if self.picker else []
        self.chosen = self._choose(request.POST.get("opening"))
        self.refusals = self._list_refusals() if self.wanted and not self.chosen else []

    def _choose(self, submitted):
        """Return the form value of the chosen opening, or "": the submitted one, that asked for, or the first."""
        values = [value for row in self.rows for value, _time in row.times]
        if submitted in values:
            return submitted
        if not self.wanted:
            return values[0] if values else ""
        at = f"{self.wanted:%H:%M}"
        return next((value for row in self.rows for value, time in row.times if time.startswith(at)), "")

    def _list_refusals(self):
        """Return (form value, clinician and place, reasons, Reasons) for the time asked for, wherever it is none."""
        return [
            (
                get_form_value(as_instant(starts_at), place),
                f"{place.clinician_name}, {format_place(place)}",
                ", ".join(REASON_LABELS[reason] for reason in sorted(reasons)),
                reasons,
            )
            for place, starts_at, reasons in self.picker.list_reasons()
            if reasons
        ]

    @property
    def is_skipped(self):
        """Whether the clocks skip the time that was asked for: it is on no clock on that day."""
        location = self.form.cleaned_data["location"] if self.wanted else None
        if not location:
            return False
        asked = datetime.combine(self.picker.day, self.wanted, location.zone)
        return asked.astimezone(UTC).astimezone(location.zone).replace(tzinfo=None) != asked.replace(tzinfo=None)

    def get_opening(self, request):
        """Return the submitted opening as an OpeningRequest, or None after a message about what is missing."""
        return get_chosen_opening(request, self.picker)


def read_start(text, location):
    """Return the form's ``day`` and ``why`` for a start on the location's clock: 2026-12-01T09:30, or with an offset.

    Nothing for a text that is no time.
    """
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        return {}
    if start.tzinfo and location:
        start = start.astimezone(location.zone)
    return {"day": f"{start:%Y-%m-%d}", "why": f"{start:%H:%M}"}
