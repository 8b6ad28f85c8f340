"""Questions that a clinic asks before a visit, and what was answered."""

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from booking.models.bookings import Appointment
from patients.fields import PlainLinesField, PlainTextField
from patients.text import validate_printable
from scheduling.models import Service
from scheduling.models.translations import Translated

MAX_OPTIONS = 30
MAX_OPTION_LENGTH = 200


def validate_options(text):
    """Raise ValidationError for too many lines, or one that is too long or there twice."""
    options = text.splitlines()
    if len(options) > MAX_OPTIONS:
        raise ValidationError(f"Write {MAX_OPTIONS} answers at most.", code="too_many")
    if any(len(option) > MAX_OPTION_LENGTH for option in options):
        raise ValidationError(f"Keep each answer under {MAX_OPTION_LENGTH} characters.", code="too_long")
    if len(set(options)) < len(options):
        raise ValidationError("Write each answer once.", code="repeated")


class OptionsField(PlainLinesField):
    """Answers to choose from, one on each line."""

    def __init__(self, **kwargs):
        super().__init__(**{"blank": True, "validators": [validate_printable, validate_options], **kwargs})

    def to_python(self, value):
        value = super().to_python(value)
        return value and "\n".join(filter(None, (line.strip() for line in value.splitlines())))


class QuestionContent(Translated):
    """What is asked, as a question has it today and as each of its versions had it."""

    TRANSLATED = ("text", "help_text", "options")

    class Kind(models.TextChoices):
        TEXT = "text", "a line of text"
        LONG_TEXT = "long_text", "several lines of text"
        CHOICE = "choice", "one of several answers"
        CHOICES = "choices", "any of several answers"
        YES_NO = "yes_no", "yes or no"
        DATE = "date", "a date"
        NUMBER = "number", "a number"
        CONSENT = "consent", "agreement"
        # Standard questions: Holdfast has their words, and what is answered is kept with the patient.
        ACCESSIBILITY = "accessibility", "standard: accessibility needs"
        INTERPRETER = "interpreter", "standard: language of an interpreter"

    kind = models.CharField(max_length=16, choices=Kind, default=Kind.TEXT)
    text = PlainTextField("question", max_length=300, blank=True, validators=[validate_printable])
    help_text = PlainTextField(
        max_length=500, blank=True, validators=[validate_printable], help_text="Shown below the question."
    )
    options = OptionsField(verbose_name="answers to choose from", help_text="One on each line.")
    is_required = models.BooleanField("required", default=False)

    class Meta:
        abstract = True


CONTENT = ["kind", "text", "help_text", "options", "is_required", "translations"]


class Question(QuestionContent):
    """A question that patients are asked for a service, or for every service. It is never deleted, only not asked."""

    STANDARD = [QuestionContent.Kind.ACCESSIBILITY, QuestionContent.Kind.INTERPRETER]
    WITH_OPTIONS = [QuestionContent.Kind.CHOICE, QuestionContent.Kind.CHOICES]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service_id: uuid.UUID | None
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="questions",
        help_text="Empty: it is asked for every service.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Questions are asked in this order.")
    is_active = models.BooleanField("asked", default=True, help_text="Whether it is asked. It is never deleted.")
    version = models.PositiveSmallIntegerField(default=1, editable=False)
    depends_on_id: uuid.UUID | None
    depends_on = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="dependents",
        verbose_name="shown only after",
        help_text="An earlier question. Empty: it is always shown.",
    )
    depends_on_answers = OptionsField(
        verbose_name="if the answer is",
        help_text="One or more of its answers, one on each line; yes or no for a question of that kind.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "created_at"]
        constraints = [
            models.CheckConstraint(
                name="question_standard_for_every_service",
                condition=Q(service__isnull=True) | ~Q(kind__in=["accessibility", "interpreter"]),
                violation_error_message="A standard question is asked for every service: leave the service empty.",
            ),
            models.UniqueConstraint(
                "kind",
                name="question_standard_once",
                condition=Q(kind__in=["accessibility", "interpreter"]),
                violation_error_message="There is this standard question already.",
            ),
        ]

    def __str__(self):
        return self.text or str(self.Kind(self.kind).label)

    def clean(self):
        """Check what the fields say of each other, and what other questions say of this one."""
        if not self.text and self.kind not in self.STANDARD:
            raise ValidationError({"text": "Write the question."})
        if self.kind in self.WITH_OPTIONS and len(self.options.splitlines()) < 2:
            raise ValidationError({"options": "Write two answers at least, one on each line."})
        if self.kind not in [*self.WITH_OPTIONS, self.Kind.ACCESSIBILITY]:
            self.options = ""
        if self.depends_on:
            self._check_condition(self.depends_on)
        else:
            self.depends_on_answers = ""
        for other in Question.objects.filter(depends_on=self.pk):
            if not set(other.depends_on_answers.splitlines()) <= set(self.decisive_answers):
                sentence = f"“{other}” is asked after answers that this question would not have. Change that one first."
                raise ValidationError({"options" if self.options else "kind": sentence})

    def _check_condition(self, earlier):
        if earlier.pk == self.pk or earlier.service_id != self.service_id or earlier.position >= self.position:
            sentence = "Choose an earlier question, for the same service: one with a lower position."
            raise ValidationError({"depends_on": sentence})
        if not earlier.decisive_answers:
            raise ValidationError({"depends_on": "Choose a question with answers to choose from, or with yes or no."})
        wanted = set(self.depends_on_answers.splitlines())
        if not wanted or not wanted <= set(earlier.decisive_answers):
            sentence = f"Write one or more of its answers, one on each line: {', '.join(earlier.decisive_answers)}."
            raise ValidationError({"depends_on_answers": sentence})

    @classmethod
    def asked_for(cls, service_id):
        """Return a QuerySet of the questions that are asked for a service, its own first, in their order."""
        rows = cls.objects.filter(Q(service=service_id) | Q(service=None), is_active=True)
        return rows.order_by(F("service").asc(nulls_last=True), "position", "created_at")

    @property
    def decisive_answers(self):
        """The answers that another question can depend on."""
        if self.kind in self.WITH_OPTIONS:
            return self.options.splitlines()
        if self.kind == self.Kind.YES_NO:
            return ["yes", "no"]
        return ["yes"] if self.kind == self.Kind.CONSENT else []


class QuestionVersion(QuestionContent):
    """A question as it was asked from then on. Append-only, by a trigger in the database: answers point at it."""

    question_id: uuid.UUID
    question = models.ForeignKey(Question, on_delete=models.PROTECT, editable=False, related_name="versions")
    number = models.PositiveSmallIntegerField(editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["question", "number"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint("question", "number", name="question_version_once")]

    def __str__(self):
        return f"{self.text} (version {self.number})"


class AnswerSheet(models.Model):
    """What was answered at one time for an appointment; the newest one counts.

    Append-only, by a trigger in the database, until the patient is erased. ``answers`` are encrypted: they name each
    question with the version that was asked.
    """

    appointment_id: uuid.UUID
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, editable=False, related_name="answer_sheets")
    answers = models.BinaryField(editable=False)
    actor = models.CharField(max_length=64, editable=False)
    given_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)

    def __str__(self):
        return f"{self.given_at:%Y-%m-%d %H:%M}"
