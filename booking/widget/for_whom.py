"""Who a visit is for: the part of the form for details that says who comes, and who is written to."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from patients.fields import PlainTextFormField
from patients.models import Relation
from patients.text import validate_name
from scheduling.lib.phones import format_phone

ME, OTHER = "me", "other"
WHO_COMES = ["first_name", "last_name", "date_of_birth"]  # the record has them, where somebody known is chosen


class ForWhomForm(forms.Form):
    """Whether the visit is for who types, for somebody they have booked for before, or for somebody new.

    With a contact_codes.Proof its people can be chosen; ``person`` is the one who is, and ``instance`` too.
    """

    who = forms.ChoiceField(
        label=_("Who is it for?"),
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("Please choose again who it is for.")},
    )
    relation = forms.ChoiceField(
        label=_("Who comes?"),
        choices=[
            ("", _("Please choose")),
            (Relation.CHILD, _("My child")),
            (Relation.PARENT, _("My parent")),
            (Relation.PARTNER, _("My partner")),
            (Relation.OTHER, _("Somebody else")),
        ],
        required=False,
        error_messages={"invalid_choice": _("Please choose who comes.")},
    )
    contact_name = PlainTextFormField(
        label=_("Your own name"),
        help_text=_("We write to you, not to the person who comes."),
        max_length=201,
        required=False,
        validators=[validate_name],
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"max_length": _("That name is too long.")},
    )

    def __init__(self, *args, proof=None, **kwargs):
        self.people = proof.people if proof else []
        data = args[0] if args else kwargs.get("data")
        self.person = proof.find_person(data.get("who", "")) if proof and data else None
        if self.person:
            kwargs["instance"] = self.person
        elif proof and data is None:
            kwargs["initial"] = _get_initial(proof) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        first = ["who", "relation", *WHO_COMES, "contact_name"]  # as they stand on the page, and so do their errors
        self.order_fields([name for name in first if name in self.fields])
        is_one_of_them = any(not patient.contact_name for patient in self.people)
        self.fields["who"].choices = [
            *((str(patient.pk), str(patient)) for patient in self.people),
            *([] if is_one_of_them else [(ME, _("Me"))]),
            (OTHER, _("Somebody else")),
        ]
        if not self.initial.get("who"):
            self.initial["who"] = self.fields["who"].choices[0][0]

    def clean_for_whom(self):
        """Set on ``instance`` who is written to, or let it be as it is stored where somebody known is chosen."""
        if self.person:
            for name in WHO_COMES:
                self._errors.pop(name, None)
                self.cleaned_data[name] = getattr(self.person, name)
        elif self.cleaned_data.get("who") == OTHER:
            for name, sentence in (
                ("relation", _("Please choose who comes.")),
                ("contact_name", _("Please enter your own name too.")),
            ):
                if not self.cleaned_data.get(name) and name not in self.errors:
                    self.add_error(name, ValidationError(sentence, code="required"))
                setattr(self.instance, name, self.cleaned_data.get(name, ""))

    def _get_validation_exclusions(self):
        # A stored name may be older than today's rules.
        return super()._get_validation_exclusions() | set(WHO_COMES if self.person else ())


def _get_initial(proof):
    """Return what is filled in for who has proved a contact."""
    [first, *_rest] = proof.people or [None]
    writer = (first.contact_name or str(first)) if first else ""
    phone = proof.contact.phone or (first.phone_with_extension if first else "")
    phone = format_phone(phone, settings.DEFAULT_PHONE_REGION)
    return {"email": proof.contact.email, "phone": phone, "contact_name": writer}
