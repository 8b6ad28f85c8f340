"""The forms of who has been here before: their contact and birth date, and the code that was sent."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from booking.domain.contact_codes import Contact
from booking.widget.details_form import BirthDateField
from booking.widget.forms import AddressForm
from patients.fields import EmailField, PlainTextFormField
from patients.models import validate_birth_date
from scheduling.lib.phones import list_phone_countries, read_phone


class ContactForm(AddressForm):
    """The contact that the clinic has of somebody, and the birth date of who comes."""

    date_of_birth = BirthDateField(
        label=_("Date of birth"),
        help_text=_("Of you, or of somebody you have booked for. For example, 27 3 1985"),
        validators=[validate_birth_date],
        error_messages={
            "required": _("Please enter your date of birth."),
            "out_of_range": _("Please enter a date of birth between 1900 and today."),
        },
    )

    def __init__(self, *args, has_texts=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["email"].help_text = _("The one the clinic has on file.")
        if has_texts:
            self.fields["email"] = self.make_contact_field()

    @staticmethod
    def make_contact_field():
        """Return the field for either an e-mail address or a phone number, under the name of the first."""
        return PlainTextFormField(
            label=_("E-mail address or mobile number"),
            help_text=_("The one the clinic has on file."),
            max_length=254,
            widget=forms.TextInput({"autocomplete": "email", "spellcheck": "false", "dir": "ltr"}),
            error_messages={
                "required": _("Please enter your e-mail address or your mobile number."),
                "max_length": _("Please enter an e-mail address such as name@example.org."),
            },
        )

    def clean_email(self):
        typed = self.cleaned_data["email"]
        if "@" in typed:
            return EmailField().clean(typed, None)
        return str(read_phone(typed, list_phone_countries()).number)

    @property
    def contact(self):
        """The contact_codes.Contact that was typed."""
        typed, born = self.cleaned_data["email"], self.cleaned_data["date_of_birth"]
        return Contact(born, email=typed) if "@" in typed else Contact(born, phone=typed)


class CodeForm(forms.Form):
    """The six digits, with blanks or hyphens if somebody types them so."""

    code = PlainTextFormField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "one-time-code", "class": "code"}),
        error_messages={
            "required": _("Please type the six digits of the code."),
            "max_length": _("Please type the six digits of the code."),
        },
    )

    def clean_code(self):
        digits = "".join(each for each in self.cleaned_data["code"] if each not in " -\u2011\u2013")
        if len(digits) != 6 or not digits.isdecimal():
            raise ValidationError(_("Please type the six digits of the code."), code="no-code")
        return "".join(str(int(digit)) for digit in digits)  # in whatever digits somebody writes

    def refuse(self, tries_left):
        """Say that it is not the code."""
        sentence = ngettext(
            "That code is not right. You have %(number)d more try.",
            "That code is not right. You have %(number)d more tries.",
            tries_left,
        )
        self.add_error("code", sentence % {"number": tries_left})
