"""Who comes: a patient by id, or by what identifies a person, and perhaps somebody else's name to call."""

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from booking.api.fields import AnyDay, EmailAddress, Id, Notes, Text
from booking.api.phones import ATTENDEE_PHONE, PHONE, UNCHECKED, PhoneInput
from booking.api.refusals import MissingScope
from booking.api.serializers import Way
from booking.domain.patient_drafts import find_draft
from booking.models import ApiKey
from patients.models import Patient, Relation
from patients.text import validate_name
from scheduling.lib.phones import MAX_LENGTH, MAX_TYPED

NAMES = ("first_name", "last_name")
# How requests name the parts of whom a visit is for.
ATTENDEE_FIELDS = {
    "name": "attendee_name",
    "email": "attendee_email",
    "phone": "attendee_phone",
    "contact_name": "contact_name",
    "relation": "relation",
}
ONE_NAME = "Who has one name only has it as first or last name; leave the other out or empty."


class PersonInput(PhoneInput):
    """A person; names and e-mail as people write them, phone with or without its country code."""

    first_name = Text(max_length=100, required=False, allow_blank=True, help_text=ONE_NAME)
    last_name = Text(max_length=100, required=False, allow_blank=True, help_text=ONE_NAME)
    date_of_birth = AnyDay(help_text="Between 1900 and today.")
    email = Text(max_length=254)
    phone = Text(max_length=MAX_TYPED, required=False, allow_blank=True, help_text=PHONE)
    phone_unchecked = serializers.BooleanField(required=False, help_text=UNCHECKED)

    def validate(self, fields):
        """Return an unsaved Patient, or with ``instance`` that one changed, checked by the model's own rules."""
        patient = self.instance or Patient()
        # A stored name may be older than today's rules: what is not changed is not checked.
        unchanged = {name for name in NAMES if self.instance and fields.get(name) in (None, getattr(patient, name))}
        phone = self.read_phone(fields, stored=patient.phone_with_extension)
        if phone:
            patient.phone, patient.phone_extension = phone
        for name, value in fields.items():
            setattr(patient, name, value)
        try:
            # The database checks what is unique, and races.
            patient.full_clean(exclude=unchanged, validate_unique=False, validate_constraints=False)
        except DjangoValidationError as error:
            names = {field.source: name for name, field in self.fields.items()}  # as they were sent
            said = serializers.as_serializer_error(error)
            raise serializers.ValidationError({names.get(name, name): each for name, each in said.items()}) from error
        return patient


class KnownPatient(Id):
    """A patient by id, for keys that may know one: others do not learn whether there is such a patient."""

    def __init__(self, **options):
        super().__init__(**{"queryset": Patient.objects.filter(archived_at=None)} | options)

    def to_internal_value(self, data):
        key = self.context["key"]
        if not (key.may(ApiKey.Scope.READ_PATIENTS) or key.may(ApiKey.Scope.WRITE_PATIENTS)):
            raise MissingScope(ApiKey.Scope.READ_PATIENTS)
        return super().to_internal_value(data)


class PatientOrDraft(KnownPatient):
    """A patient by id; for a publishable key that may draft one, a PatientDraft; raises DraftNotFound."""

    def __init__(self):
        super().__init__(
            required=False,
            allow_null=True,
            help_text="Needs the scope read_patients or write_patients. With a publishable key it is the id that "
            "POST /patients answered: good once, for an hour, with the same key on the same site.",
        )

    def to_internal_value(self, data):
        key = self.context["key"]
        if key.may_draft(ApiKey.Scope.WRITE_PATIENTS):
            return find_draft(self.pk_field.to_internal_value(data), holder=key.holder, origin=self.context["origin"])
        return super().to_internal_value(data)


class AttendeeName(Text):
    """The name of who attends. One that is stored may be older than today's rules: it may be sent again."""

    def __init__(self, **options):
        super().__init__(max_length=201, required=False, check=validate_name, **options)

    def to_internal_value(self, data):
        stored = getattr(self.context.get("booking"), self.source or "", None)
        return data if data == stored else super().to_internal_value(data)


class AttendeeInput(PhoneInput):
    """Who attends, and what they have to say."""

    attendee_name = AttendeeName(allow_blank=True)
    attendee_email = EmailAddress()
    attendee_phone = Text(max_length=MAX_LENGTH, required=False, allow_blank=True, help_text=ATTENDEE_PHONE)
    contact_name = AttendeeName(
        allow_blank=True,
        help_text="Who is written to, where somebody books for another: the e-mail and phone are theirs then.",
    )
    relation = serializers.ChoiceField(
        Relation.choices,
        required=False,
        allow_blank=True,
        help_text="What who comes is to who is written to: their child, for example. Needs contact_name.",
    )
    notes = Notes()

    def validate(self, fields):
        """Return the fields with the phone as it is stored."""
        stored = getattr(self.context.get("booking"), "contact_name", "")
        if not fields.get("contact_name", stored):
            if fields.get("relation"):
                raise serializers.ValidationError({"relation": "Send contact_name too."}, code="no-contact")
            if "contact_name" in fields:
                fields["relation"] = ""
        return super().validate(self.read_attendee_phone(fields))


class RemindersInput(serializers.Serializer):
    """Whether who comes asks for reminders."""

    wants_reminders = serializers.BooleanField(
        required=False,
        help_text="Whether the patient asks for reminders of their visits, where the clinic sends them only to who "
        "does. Never send true unless they have said so. False changes nothing.",
    )


class Attendance(AttendeeInput):
    """The patient, by ``patient_id`` or ``patient``, and who attends if that is written differently."""

    ways = [Way("ForKnownPatient", ("patient_id",)), Way("ForPerson", ("patient",))]

    patient_id = KnownPatient(
        required=False,
        allow_null=True,
        help_text="Needs the scope read_patients or write_patients.",
    )
    patient = PersonInput(required=False)

    def validate(self, fields):
        fields = super().validate(fields)
        by_id, person = fields.pop("patient_id", None), fields.pop("patient", None)
        if (by_id is None) == (person is None):
            raise serializers.ValidationError({"patient_id": "Send either patient_id or patient."}, code="either")
        patient = by_id or person
        if patient._state.adding:
            patient.contact_name, patient.relation = fields.get("contact_name", ""), fields.get("relation", "")
        attendee = {part: fields.pop(ATTENDEE_FIELDS[part], "") or own for part, own in patient.contact.items()}
        return {**fields, "patient": patient, "attendee": attendee}
