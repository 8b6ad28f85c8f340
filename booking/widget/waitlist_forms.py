"""The forms of the waiting list: which times are wished for, and who wishes."""

from datetime import timedelta
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import WaitlistEntry
from booking.widget.details_form import PERSON_INPUTS, PERSON_LABELS
from booking.widget.forms import EMAIL_ERRORS, WAYS
from scheduling.lib.phones import list_phone_countries, read_phone

MAX_WAIT = timedelta(days=180)


class DayInput(forms.DateInput):
    """A date, as browsers let people choose one."""

    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%Y-%m-%d")


class WishedTimesForm(forms.ModelForm):
    """Which times of a service suit; ``instance`` is then a WaitlistEntry. All of it may be left open.

    ``offer`` has who gives the service and where, ``today`` is the date there.
    """

    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days"),
        choices=list(WEEKDAYS.items()),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    parts_of_day = forms.MultipleChoiceField(
        label=gettext_lazy("Time of day"),
        choices=WaitlistEntry.PartOfDay.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    clinician = forms.ChoiceField(label=gettext_lazy("Clinician"), required=False)
    where = forms.ChoiceField(label=gettext_lazy("Where"), required=False)

    class Meta:
        model = WaitlistEntry
        fields = ["weekdays", "parts_of_day", "first_day", "last_day"]
        labels = {"first_day": gettext_lazy("From"), "last_day": gettext_lazy("Until")}
        error_messages = {
            "first_day": {"invalid": gettext_lazy("Please enter a real date.")},
            "last_day": {"invalid": gettext_lazy("Please enter a real date.")},
        }

    def __init__(self, *args, offer, today, **kwargs):
        super().__init__(*args, **kwargs)
        self.today, self.last = today, today + MAX_WAIT
        clinicians = [(str(pk), name) for pk, name in offer.clinicians.items()]
        self.fields["clinician"].choices = [("", _("Any clinician")), *clinicians]
        self.fields["where"].choices = [("", _("Anywhere")), *offer.ways_to_meet, *offer.places]
        for name, choices in (("clinician", clinicians), ("where", [*offer.ways_to_meet, *offer.places])):
            if len(choices) < 2:
                del self.fields[name]
        for name in ("first_day", "last_day"):
            self.fields[name].widget = DayInput({"min": today.isoformat(), "max": self.last.isoformat()})
        self.fields["last_day"].required = False
        if self.instance._state.adding:
            return
        self.initial |= {
            "clinician": str(self.instance.clinician_id or ""),
            "where": self._get_where(),
        }

    def _get_where(self):
        if self.instance.location_id:
            return str(self.instance.location_id)
        return {True: "video", False: "in-person", None: ""}[self.instance.is_remote]

    def clean_first_day(self):
        day = self.cleaned_data["first_day"]
        return day if day and day > self.today else None

    def clean_last_day(self):
        day = self.cleaned_data["last_day"] or self.instance.last_day or self.last
        if day < self.today:
            raise ValidationError(_("That day is over. Please choose a later one."), code="over")
        return min(day, self.last)

    def clean(self):
        fields = super().clean() or self.cleaned_data
        first, last = fields.get("first_day"), fields.get("last_day")
        if first and last and first > last:
            self.add_error("last_day", ValidationError(_("Please choose a day that is not before the first."), "order"))
        entry = self.instance
        if "clinician" in fields:
            entry.clinician_id = UUID(fields["clinician"]) if fields["clinician"] else None
        if "where" in fields:
            where = fields["where"]
            entry.location_id = UUID(where) if where and where not in WAYS else None
            entry.is_remote = WAYS.get(where, False) if where else None
        return fields

    @property
    def wish(self):
        """The fields of WaitlistEntry that the form has set, and their values."""
        names = ["weekdays", "parts_of_day", "first_day", "last_day"]
        names += ["clinician_id"] if "clinician" in self.fields else []
        names += ["location_id", "is_remote"] if "where" in self.fields else []
        return {name: getattr(self.instance, name) for name in names}


class WaitlistForm(WishedTimesForm):
    """Which times suit, and who is to be told."""

    class Meta(WishedTimesForm.Meta):
        fields = [*WishedTimesForm.Meta.fields, "first_name", "last_name", "email", "phone"]
        labels = WishedTimesForm.Meta.labels | PERSON_LABELS
        help_texts = {"email": gettext_lazy("We write to you here when a time is free.")}
        error_messages = WishedTimesForm.Meta.error_messages | {"email": EMAIL_ERRORS}
        widgets = PERSON_INPUTS

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["last_name"].required = False  # of who has one name only, either of the two will do

    def clean_phone(self):
        typed = self.cleaned_data["phone"]
        return read_phone(typed, list_phone_countries()).number if typed else ""

    def clean(self):
        fields = super().clean()
        if not fields.get("last_name") and "last_name" not in self.errors:
            fields["last_name"], fields["first_name"] = fields.get("first_name", ""), ""
        if not fields.get("last_name") and not {"first_name", "last_name"} & self.errors.keys():
            self.add_error(
                "first_name", ValidationError(_("Please enter your name: one of the two is enough."), "no_name")
            )
        return fields
