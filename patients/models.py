"""Patients, their consents, and pairs of records that may be one person."""

import uuid
from collections.abc import Collection
from datetime import date, tzinfo
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from patients.fields import EmailField, NhsNumberField, PhoneField, PlainTextField
from patients.text import MAX_NAME_LENGTH, fold_name, validate_name
from scheduling.lib.encrypted_field import EncryptedField
from scheduling.lib.integration_fields import ExternalIdField, MetadataField
from scheduling.lib.phones import Phone

EARLIEST_BIRTH = date(1900, 1, 1)
FURTHEST_AHEAD = timezone.get_fixed_timezone(14 * 60)  # where a date begins first


def validate_birth_date(born: date, zone: tzinfo = FURTHEST_AHEAD) -> None:
    """Raise ValidationError for a birth date before 1900 or after today's: where it is today first, or in ``zone``."""
    if not EARLIEST_BIRTH <= born <= timezone.now().astimezone(zone).date():
        raise ValidationError("Enter a date of birth between 1900 and today.", code="out_of_range")


class Relation(models.TextChoices):
    """What a patient is to who is written to in their stead."""

    CHILD = "child", _("child")
    PARENT = "parent", _("parent")
    PARTNER = "partner", _("partner")
    OTHER = "other", _("somebody else")


class ArchiveReason(models.TextChoices):
    """Why staff put a patient's record away."""

    MOVED_AWAY = "moved_away", "has moved away"
    OTHER_CLINIC = "other_clinic", "is seen elsewhere"
    DECEASED = "deceased", "has died"
    ASKED = "asked", "has asked for it"
    BY_MISTAKE = "by_mistake", "written down by mistake"
    OTHER = "other", "another reason"


class Patient(models.Model):
    """A person who is, was or will be seen."""

    NHS_NUMBER_UNIQUE = "patient_nhs_number"
    EXTERNAL_ID_UNIQUE = "patient_external_id"
    NO_NAME = _("Please write a first or a last name: one of them is enough.")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Either may be empty, not both: one name is a name.
    first_name = PlainTextField(max_length=100, blank=True, validators=[validate_name])
    last_name = PlainTextField(max_length=100, blank=True, validators=[validate_name])
    # Null if another system sent the patient without it.
    date_of_birth = models.DateField(null=True, blank=True, validators=[validate_birth_date])
    # Collation C on searched columns: one index then serves prefix matches and ordering.
    email = EmailField("e-mail", blank=True, db_collation="C")
    phone = PhoneField(blank=True, db_collation="C")
    phone_extension = models.CharField(
        "extension",
        max_length=15,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(r"^\d*\Z", "Write the extension in digits.")],
    )
    # Whose e-mail and phone these are, if not the patient's: who books for a child, for example.
    contact_name = PlainTextField(
        max_length=201,
        blank=True,
        default="",
        db_default="",
        validators=[validate_name],
        help_text="Who reads the e-mail and answers the phone, if that is not the patient.",
    )
    relation = models.CharField(
        max_length=8,
        choices=Relation,
        blank=True,
        default="",
        db_default="",
        help_text="What the patient is to the contact.",
    )
    nhs_number = NhsNumberField(verbose_name="NHS number", blank=True, db_collation="C")
    external_id = ExternalIdField()
    metadata = MetadataField()
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    archive_reason = models.CharField(
        "archived because",
        max_length=16,
        choices=ArchiveReason,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    # For a duplicate that a merge archived: the record that remains.
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="merged"
    )
    # Kept, and used for nothing else, instead of erased (GDPR, Art. 18).
    restricted_at = models.DateTimeField(null=True, blank=True, editable=False)
    restriction_reason = PlainTextField(max_length=500, blank=True, default="", db_default="", editable=False)
    # Their data are gone; the record stays for what points at it.
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Derived by fold_name, in save().
    normalized_name = models.CharField(max_length=MAX_NAME_LENGTH, editable=False, db_collation="C")
    name_words = models.CharField(max_length=MAX_NAME_LENGTH, editable=False, db_collation="C")
    name_spellings = ArrayField(models.TextField(), default=list, blank=True, editable=False)

    class Meta:
        ordering = ["last_name", "first_name"]
        permissions = [
            ("export_patient", "Can export all that is kept of a patient"),
            ("erase_patient", "Can erase or restrict patients, and end a restriction"),
            ("view_restricted_patient", "Can see the records of restricted patients"),
        ]
        indexes = [
            models.Index("date_of_birth", "normalized_name", name="patient_born_name"),
            models.Index("email", name="patient_email"),
            models.Index("phone", name="patient_phone"),
            models.Index("created_at", "id", name="patient_created"),
            models.Index("updated_at", "id", name="patient_updated"),
            models.Index(Reverse("phone"), name="patient_phone_end"),
            models.Index("normalized_name", name="patient_first_last"),
            models.Index("name_words", name="patient_last_first"),
            # fastupdate=False: every search would have to scan the index's pending list.
            GinIndex(OpClass("name_words", "gin_trgm_ops"), name="patient_name_words", fastupdate=False),
            GinIndex("name_spellings", name="patient_name_spellings", fastupdate=False),
        ]
        constraints = [
            models.UniqueConstraint(
                "nhs_number",
                name="patient_nhs_number",
                condition=~Q(nhs_number=""),
                violation_error_message="Another patient already has this NHS number.",
            ),
            models.UniqueConstraint("external_id", name="patient_external_id", condition=~Q(external_id="")),
            models.CheckConstraint(
                name="patient_has_a_name",
                condition=~Q(first_name="", last_name=""),
            ),
        ]

    def __str__(self):
        return " ".join(filter(None, [self.first_name, self.last_name]))

    def save(self, **kwargs: Any) -> None:
        folded = self.fold_name()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], *folded}
        super().save(**kwargs)

    def fold_name(self) -> list[str]:
        """Set the columns that are derived from the names, and return which they are."""
        folded = fold_name(self.first_name, self.last_name)
        for name, value in folded.items():
            setattr(self, name, value)
        return list(folded)

    def clean(self) -> None:
        if not self.first_name and not self.last_name:
            raise ValidationError({"first_name": ValidationError(self.NO_NAME, code="no_name")})

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        # clean() has said what patient_has_a_name says, without asking the database.
        super().validate_constraints({*(exclude or ()), "first_name", "last_name"})

    @property
    def contact(self) -> dict[str, str]:
        """Who comes and who is written to, for an appointment that the patient attends."""
        return {
            "name": str(self),
            "email": self.email,
            "phone": self.phone_with_extension,
            "contact_name": self.contact_name,
            "relation": self.relation,
        }

    @property
    def phone_with_extension(self) -> str:
        """The phone in E.164, with its extension in the form of RFC 3966."""
        return str(Phone(self.phone, self.phone_extension))


class Consent(models.Model):
    """A patient's agreement to one purpose, which remains as a record when it is withdrawn.

    Or that they were shown the privacy notice: before there were versions of it, they had to agree to it.
    """

    class Purpose(models.TextChoices):
        PRIVACY_NOTICE = "privacy_notice", "was shown the privacy notice"
        REMINDERS = "reminders", "reminders by e-mail or text message"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=20, choices=Purpose)
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    version = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="Which version of it they were shown."
    )

    class Meta:
        ordering = ["-given_at"]
        constraints = [
            models.UniqueConstraint(
                "patient",
                "purpose",
                name="consent_given_once",
                condition=Q(withdrawn_at__isnull=True),
                violation_error_message="The patient has already agreed to this.",
            )
        ]

    def __str__(self):
        return str(self.Purpose(self.purpose).label)


class PossibleDuplicate(models.Model):
    """Two records that may be one person. Staff decide; nothing is merged automatically."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=100)
    found_at = models.DateTimeField(default=timezone.now)
    dismissed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-found_at"]
        constraints = [
            models.UniqueConstraint("patient", "other", name="possible_duplicate_once"),
            models.CheckConstraint(name="possible_duplicate_of_two", condition=~Q(patient=F("other"))),
        ]

    def __str__(self):
        return f"{self.patient} and {self.other}"


class Merge(models.Model):
    """What a merge of two records has moved, so that it can be undone: deleted with the day in which it can be.

    ``memory`` has the ids of what was moved, and what was deleted or emptied, encrypted. No keys: a merge moves those.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kept_id = models.UUIDField(db_index=True)
    duplicate_id = models.UUIDField(unique=True)
    merged_at = models.DateTimeField(default=timezone.now)
    memory = EncryptedField()

    class Meta:
        ordering = ["-merged_at"]

    def __str__(self):
        return f"merge of {self.merged_at:%d %b %Y %H:%M}"


class Needs(models.Model):
    """What a patient needs at every visit. Encrypted: it tells of their health, or of where they come from."""

    patient_id: uuid.UUID
    patient = models.OneToOneField(Patient, on_delete=models.CASCADE, primary_key=True, related_name="needs")
    accessibility = EncryptedField("accessibility needs", blank=True, help_text="One on each line.")
    interpreter = EncryptedField("interpreter for", blank=True, help_text="The language, if one is needed.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "needs"

    def __str__(self):
        return "needs"  # the log of admin has it

    @property
    def lines(self) -> list[str]:
        """What the patient needs, a line for each."""
        interpreter = [f"An interpreter: {self.interpreter}"] if self.interpreter else []
        return [*self.accessibility.splitlines(), *interpreter]

    def add(self, *, accessibility: str, interpreter: str) -> None:
        """Add what else the patient needs: lines that are not there yet, and a language where there is none."""
        lines = dict.fromkeys([*self.accessibility.splitlines(), *accessibility.splitlines()])
        self.accessibility = "\n".join(lines)
        self.interpreter = self.interpreter or interpreter
