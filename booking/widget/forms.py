"""The widget's small forms: the search for a time, the time itself, the cancellation."""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import Appointment
from patients.fields import EmailField, PlainTextFormField

WAYS = {"in-person": False, "video": True}  # is_remote
FAR_FUTURE = 2**33  # the year 2242
ANYONE = "anyone"
# What all services share, in addresses: a held time that another service then replaces, what was proved, and the place.
CARRIED = ("hold", "proof", "me", "where")
BAD_ME = gettext_lazy("It has been too long since you typed your code. You can ask for another one.")
BAD_PROOF = gettext_lazy("That link has expired. If we need your e-mail address again, we will ask for it.")


def get_kept(query):
    """Return the members of a query (a QueryDict or a dict) that are CARRIED."""
    return {name: query[name] for name in CARRIED if query.get(name)}


class Picked(NamedTuple):
    """A time as its button names it, well-formed but unchecked. ``clinician_id`` is None for any clinician."""

    starts_at: datetime
    clinician_id: UUID | None
    location_id: UUID
    is_remote: bool

    @classmethod
    def from_hold(cls, hold):
        """Return the time of a hold."""
        return cls(hold.starts_at, hold.clinician_id, hold.location_id, hold.is_remote)


def is_place(where):
    """Return whether “where” is well-formed: a way to meet, or the id of a location."""
    try:
        return where in WAYS or bool(UUID(where))
    except (TypeError, ValueError, AttributeError):
        return False


def write_opening(opening, *, anyone=False):
    """Return the value of an opening's button; with ``anyone`` it names no clinician."""
    return _write(opening.start, None if anyone else opening.clinician_id, opening.location_id, opening.is_remote)


def write_picked(picked):
    """Return the value of the button of a Picked time."""
    return _write(int(picked.starts_at.timestamp()), picked.clinician_id, picked.location_id, picked.is_remote)


def _write(start, clinician_id, location_id, is_remote):
    way = "video" if is_remote else "in-person"
    return f"{start}.{clinician_id.hex if clinician_id else ANYONE}.{location_id.hex}.{way}"


def read_opening(value):
    """Return the Picked time that a button's value names; raises ValidationError."""
    try:
        start, clinician, location, way = value.split(".")
        if not 0 <= int(start) < FAR_FUTURE:
            raise ValueError(start)
        clinician_id = None if clinician == ANYONE else UUID(clinician)
        return Picked(datetime.fromtimestamp(int(start), UTC), clinician_id, UUID(location), WAYS[way])
    except (ValueError, KeyError) as error:
        raise ValidationError(_("That is not a time we know.")) from error


class WishForm(forms.Form):
    """The search for a time, as the query string has it. Every field is optional.

    ``day`` is the day to show; ``start`` shows the strip that contains it and the first free day in that. ``proof`` is
    a patient_links.proof_token, ``me`` the token of a contact_codes.Proof, ``new`` says whether who comes is new here.
    """

    clinician = forms.ChoiceField(required=False, label=gettext_lazy("Clinician"))
    where = forms.ChoiceField(required=False, label=gettext_lazy("Where"))
    day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    start = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    hold = forms.CharField(required=False, max_length=200)
    proof = forms.CharField(required=False, max_length=200)
    me = forms.CharField(required=False, max_length=200)
    new = forms.ChoiceField(required=False, choices=[("1", ""), ("other", ""), ("0", "")])

    def __init__(self, data, offer):
        data = {name: data[name] for name in self.base_fields if name in data}
        # The place is chosen before the service, and kept when another is: it may be given elsewhere only.
        self.is_elsewhere = is_place(data.get("where")) and not offer.has_where(data["where"])
        if self.is_elsewhere:
            del data["where"]
        super().__init__(data)
        clinicians = [(str(pk), name) for pk, name in offer.clinicians.items()]
        self.fields["clinician"].choices = [("", _("Any clinician")), *clinicians]
        self.fields["where"].choices = [("", _("Anywhere")), *offer.ways_to_meet, (_("Places"), offer.places)]
        # A filter with a single option is not shown.
        has_choice = {"clinician": len(clinicians) > 1, "where": len(offer.ways_to_meet) + len(offer.places) > 1}
        self.filters = [self[name] for name in has_choice if has_choice[name]]
        for name, sentence in {
            "clinician": _("We do not know that clinician, so you see everyone’s times."),
            "where": _("We do not know that place, so you see the times everywhere."),
            "day": _("We could not read that date, so you see the first days."),
            "start": _("We could not read that date, so you see the first days."),
            "hold": _("We do not know that hold."),
            "proof": BAD_PROOF,
            "me": BAD_ME,
            "new": _("We could not read what you answered."),
        }.items():
            self.fields[name].error_messages |= {
                "invalid": sentence,
                "invalid_choice": sentence,
                "max_length": sentence,
            }
        self.full_clean()

    @property
    def remarks(self):
        """Sentences about what could not be understood."""
        remarks = [sentence for errors in self.errors.values() for sentence in dict.fromkeys(errors)]
        if self.is_elsewhere:
            remarks.insert(0, _("This is not offered where you chose, so you see the times everywhere."))
        return remarks

    @property
    def is_narrowed(self):
        return any(self.cleaned_data.get(field.name) for field in self.filters)

    @property
    def state(self):
        """Return the search as pairs of name and value, for hidden inputs."""
        return [(name, str(value)) for name, value in self.cleaned_data.items() if value]

    @property
    def filter_inputs(self):
        """Return the pairs of ``state`` that survive a change of filter."""
        return [(name, value) for name, value in self.state if name not in ("clinician", "where")]

    @property
    def kept(self):
        """Return what another service needs to know, as a query string."""
        return urlencode(get_kept(dict(self.state)))

    @property
    def query(self):
        """Return the part that survives a change of day, as the beginning of a query string."""
        pairs = [(name, value) for name, value in self.state if name not in ("day", "start")]
        return urlencode([*pairs, ("", "")]).removesuffix("=") if pairs else ""


EMAIL_ERRORS = {
    "required": gettext_lazy("Please enter your e-mail address."),
    "invalid": gettext_lazy("Please enter an e-mail address such as name@example.org."),
}


class AddressForm(forms.Form):
    """An e-mail address that something is sent to."""

    email = EmailField().formfield(
        label=gettext_lazy("E-mail address"),
        widget=forms.EmailInput({"autocomplete": "email", "spellcheck": "false"}),
        error_messages=EMAIL_ERRORS,
    )


class LinkForm(AddressForm):
    """The address that a link to the free times is sent to."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["email"].help_text = gettext_lazy("Please use the same address for the booking.")


Reason = Appointment.CancellationReason


class CancelForm(forms.Form):
    """Why a patient cancels."""

    REASONS = [
        ("", gettext_lazy("I prefer not to say")),
        (Reason.PATIENT_REQUEST, gettext_lazy("I cannot come, or no longer need it")),
        (Reason.PATIENT_UNWELL, gettext_lazy("I am not well enough to come")),
        (Reason.BOOKED_BY_MISTAKE, gettext_lazy("I booked it by mistake")),
        (Reason.OTHER, gettext_lazy("Another reason")),
    ]

    reason = forms.TypedChoiceField(
        label=gettext_lazy("Why are you cancelling?"),
        choices=REASONS,
        widget=forms.RadioSelect,
        required=False,
        empty_value=Reason.OTHER,
        error_messages={"invalid_choice": gettext_lazy("Please choose one of these reasons.")},
    )
    note = PlainTextFormField(
        label=gettext_lazy("Anything the clinic should know?"),
        required=False,
        max_length=500,
        error_messages={"max_length": gettext_lazy("Please keep the note under 500 characters.")},
    )
