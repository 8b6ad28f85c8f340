"""The form for a patient's details. It accepts what people really type and says what it cannot accept."""

from datetime import date
from functools import partial

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from booking.widget.for_whom import ForWhomForm
from booking.widget.forms import EMAIL_ERRORS
from booking.widget.question_fields import AnswersMixin, get_typed_answers, refill_answers
from patients.fields import PlainTextFormField
from patients.models import Patient, validate_birth_date
from scheduling.lib.month_names import read_month
from scheduling.lib.phones import BadPhone, list_phone_countries, read_phone

BIRTH_DATE = ["date_of_birth_day", "date_of_birth_month", "date_of_birth_year"]
INPUTS = [
    "who",
    "relation",
    "contact_name",
    "first_name",
    "last_name",
    *BIRTH_DATE,
    "email",
    "phone",
    "notes",
    "reminders",
]
# How a person's name and contact are asked for, wherever they are.
PERSON_LABELS = {
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "email": _("E-mail address"),
    "phone": _("Phone number"),
}
PERSON_INPUTS = {
    "first_name": forms.TextInput({"autocomplete": "given-name"}),
    "last_name": forms.TextInput({"autocomplete": "family-name"}),
    "email": forms.EmailInput({"autocomplete": "email", "spellcheck": "false"}),
    "phone": forms.TextInput({"type": "tel", "autocomplete": "tel"}),
}


class BirthDateWidget(forms.MultiWidget):
    """Three short inputs: easier on phones and with screen readers than a date picker."""

    def __init__(self):
        super().__init__(
            {
                name: forms.TextInput(
                    {"inputmode": "numeric", "autocomplete": f"bday-{name}", "class": f"birth-{name}"}
                )
                for name in ("day", "month", "year")
            }
        )

    def decompress(self, value):
        return [value.day, value.month, value.year] if value else [None, None, None]

    def id_for_label(self, id_):
        return f"{id_}_0"


class BirthDateField(forms.MultiValueField):
    """A date from a day, a month (a number, or its name in a language of the pages) and a four-digit year."""

    widget = BirthDateWidget

    INCOMPLETE = [
        _("Your date of birth needs a day too."),
        _("Your date of birth needs a month too."),
        _("Your date of birth needs a year too."),
    ]

    NOT_A_DATE = _("Please enter a real date of birth, for example 27 3 1985.")

    def __init__(self, **kwargs):
        parts = [
            PlainTextFormField(max_length=20, error_messages={"incomplete": each, "max_length": self.NOT_A_DATE})
            for each in self.INCOMPLETE
        ]
        super().__init__(fields=parts, require_all_fields=False, **kwargs)

    def compress(self, values):
        if not values:
            return None
        day, month, year = (value.strip(" .,/-") for value in values)
        if year.isdecimal() and len(year) < 4:
            raise ValidationError(_("Please type the year of birth with four digits."), code="short-year")
        try:
            return date(int(year), read_month(month), int(day))
        except (ValueError, OverflowError) as error:
            raise ValidationError(self.NOT_A_DATE, code="no-date") from error


class DetailsForm(ForWhomForm, AnswersMixin, forms.ModelForm):
    """A patient's details; ``instance`` is then an unsaved, validated Patient.

    A phone number without country code is one of the location's country, or of the clinic's. ``questions`` are those
    of the service, to which it has ``answers``.
    """

    date_of_birth = BirthDateField(
        label=_("Date of birth"),
        help_text=_("For example, 27 3 1985"),
        error_messages={
            "required": _("Please enter your date of birth."),
            "invalid": _("Please enter a date of birth between 1900 and today."),
            "out_of_range": _("Please enter a date of birth between 1900 and today."),
        },
    )
    notes = PlainTextFormField(
        lines=True,
        label=_("Anything the clinic should know?"),
        required=False,
        max_length=1000,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"max_length": _("Please keep the note under 1000 characters.")},
    )

    reminders = forms.BooleanField(required=False)

    class Meta:
        model = Patient
        fields = ["first_name", "last_name", "date_of_birth", "email", "phone"]
        labels = PERSON_LABELS
        help_texts = {
            "last_name": _("If you have only one name, leave the other empty."),
            "email": _("We send your confirmation here."),
            "phone": _("In case the clinic needs to reach you quickly."),
        }
        error_messages = {
            "first_name": {
                "no_name": _("Please enter your name: one of the two is enough."),
                "max_length": _("That first name is too long."),
            },
            "last_name": {
                "max_length": _("That last name is too long."),
            },
            "email": EMAIL_ERRORS,
        }
        widgets = PERSON_INPUTS

    def __init__(self, *args, location=None, questions=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.ask(questions)
        self.location = location
        if location:
            by_today_there = partial(validate_birth_date, zone=location.zone)
            self.fields["date_of_birth"].validators.append(by_today_there)
        self.fields["email"].required = True  # where the confirmation goes

    def clean_phone(self):
        typed = self.cleaned_data["phone"]
        if not typed:
            return typed
        try:
            phone = read_phone(typed, list_phone_countries(self.location and self.location.country))
        except BadPhone as error:
            optional = _("You can also leave it empty.")  # the collector of texts reads no f-strings
            raise ValidationError(f"{error.messages[0]} {optional}", code=error.code) from error
        self.instance.phone_extension = phone.extension
        return phone.number

    def clean(self):
        # Without super(), nothing is compared with stored patients: the answer could reveal who is one.
        self.clean_answers()
        self.clean_for_whom()
        return self.cleaned_data


def get_typed_values(post):
    """Return the submitted values as pairs of input name and value, for hidden inputs."""
    return [*((name, post[name]) for name in INPUTS if name in post), *get_typed_answers(post)]


def refill_form(post, questions, proof=None):
    """Return an unvalidated form filled in with the submitted values."""
    initial = dict(get_typed_values(post))
    if any(name in post for name in BIRTH_DATE):
        initial["date_of_birth"] = [post.get(name, "") for name in BIRTH_DATE]
    form = DetailsForm(initial=initial, questions=questions, proof=proof)
    refill_answers(form, post)
    return form
