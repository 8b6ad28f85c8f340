"""The forms of a week's rows, judged as a whole."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from django import forms
from django.utils import timezone

from booking.admin.week_rows import EXTRA, WEEKLY, Row, is_empty
from scheduling.availability.openings import find_overlap
from scheduling.availability.queries import as_hours
from scheduling.models import Clinician, ExtraHours, Location, WorkingHours
from scheduling.overlapping_hours import OverlappingHours, check_overlap

HoursRow = WorkingHours | ExtraHours
END_BEFORE_START = "The end must be after the start; 00:00 is midnight at the end of the day."


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class HoursForm(forms.ModelForm):
    """A stretch of hours at one of ``places``, locations by their id as text."""

    use_required_attribute = False  # rows without times are left out, and buttons add and copy rows meanwhile
    location = forms.TypedChoiceField(error_messages={"required": "Choose where."})

    index = 0  # among those of its kind

    def __init__(self, *args: Any, row: Row, places: Mapping[str, Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        location: Any = self.fields["location"]  # not a ModelChoiceField, which would ask the database for each row
        location.choices = [(id, place.name) for id, place in places.items()]
        location.coerce = lambda value: places[str(value)]

    @property
    def is_left_out(self) -> bool:
        """Whether it stands for no row, as it has no times."""
        return is_empty(self.row)

    @property
    def is_limited(self) -> bool:
        """Whether it counts only from a day, until one, or not every week."""
        row = self.row
        return bool(row.get("valid_from") or row.get("valid_until")) or row.get("every_weeks", "1") not in ("", "1")

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        start, end = self.cleaned_data.get("start_time"), self.cleaned_data.get("end_time")
        if start is not None and end is not None and end <= start and end != time():
            self.add_error("end_time", END_BEFORE_START)
        return self.cleaned_data

    def is_new_or_changed(self) -> bool:
        """Return whether saving it would change something."""
        return self.instance._state.adding or bool(self.changed_data)


class WeeklyForm(HoursForm):
    """A rule for a weekday; without a number of weeks it is every week's."""

    every_weeks = forms.IntegerField(required=False, min_value=1, max_value=52)

    class Meta:
        model = WorkingHours
        fields = ["weekday", "start_time", "end_time", "location", "is_remote", "valid_from", "valid_until"]
        fields += ["every_weeks"]
        widgets = {
            "weekday": forms.HiddenInput(),
            "start_time": TimeInput(),
            "end_time": TimeInput(),
            "valid_from": DateInput(),
            "valid_until": DateInput(),
        }

    def clean_every_weeks(self) -> int:
        return self.cleaned_data["every_weeks"] or 1

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        first, last = self.cleaned_data.get("valid_from"), self.cleaned_data.get("valid_until")
        if first and last and last < first:
            self.add_error("valid_until", "This is before the first day.")
        if self.cleaned_data.get("every_weeks", 1) > 1 and not first and "valid_from" not in self.errors:
            self.add_error("valid_from", "Say from when the weeks are counted.")
        return self.cleaned_data


class ExtraForm(HoursForm):
    """Hours on one date."""

    class Meta:
        model = ExtraHours
        fields = ["date", "start_time", "end_time", "location", "is_remote"]
        widgets = {"date": DateInput(), "start_time": TimeInput(), "end_time": TimeInput()}


FORMS = {WEEKLY: WeeklyForm, EXTRA: ExtraForm}


class WeekForms:
    """The forms of all rows on the page. ``known`` are the saved rows that it shows, by kind and id as text."""

    def __init__(
        self,
        clinician: Clinician,
        rows: dict[str, list[Row]],
        *,
        known: dict[tuple[str, str], HoursRow],
        places: Mapping[str, Location],
        is_submitted: bool,
    ) -> None:
        self.known = known
        self.forms: dict[str, list[HoursForm]] = {kind: [] for kind in FORMS}
        for kind, form in FORMS.items():
            for index, row in enumerate(rows[kind]):
                instance = known.get((kind, row["id"])) or form._meta.model(clinician=clinician)
                prefix = f"{kind}-{index}"
                # Only what is to be saved is judged: half a row is no error while buttons add and copy rows.
                data = {f"{prefix}-{name}": value for name, value in row.items()} if is_submitted else None
                shown = None if is_submitted else row
                made = form(data, initial=shown, prefix=prefix, instance=instance, row=row, places=places)
                made.index = index
                self.forms[kind].append(made)

    @property
    def filled(self) -> list[HoursForm]:
        """The forms that stand for a row: those with a time."""
        return [form for forms in self.forms.values() for form in forms if not form.is_left_out]

    def is_valid(self, *, others: Sequence[HoursRow]) -> bool:
        """Judge all forms, each beside all of them and ``others``, the clinician's rows that the page does not show."""
        for form in self.filled:
            form.full_clean()  # fills its instance
        if any(form.errors for form in self.filled):
            return False
        for number, form in enumerate(self.filled):
            if form.is_new_or_changed():
                beside = [other.instance for other in self.filled if other is not form]
                self._check_places(form, [*beside, *others])
                # Of two that overlap in one place it is the later one that says so, unless only the other is new.
                earlier = [
                    other.instance
                    for index, other in enumerate(self.filled)
                    if index < number or (index > number and not other.is_new_or_changed())
                ]
                self._check_twice(form, earlier)
        return not any(form.errors for form in self.filled)

    @staticmethod
    def _check_places(form, others):
        try:
            check_overlap(form.instance, others)
        except OverlappingHours as error:
            form.add_error("location", str(error))

    @staticmethod
    def _check_twice(form, others):
        row, today = form.instance, timezone.now().date()
        for other in others:
            if (other.location_id, other.is_remote) != (row.location_id, row.is_remote):
                continue
            if isinstance(other, ExtraHours) != isinstance(row, ExtraHours):
                continue  # extra hours may lengthen the weekly ones
            zone = row.location.zone
            if find_overlap(as_hours(row), zone, as_hours(other), zone, today=today):
                form.add_error("start_time", f"This overlaps {other} on the same day.")
                return

    def list_saved(self) -> list[HoursRow]:
        """Return the rows to save: the new and the changed."""
        return [form.instance for form in self.filled if form.is_new_or_changed()]

    def list_removed(self) -> list[HoursRow]:
        """Return the saved rows that the page shows no longer."""
        kept = {id(form.instance) for form in self.filled}
        return [row for row in self.known.values() if id(row) not in kept]
