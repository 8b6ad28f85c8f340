"""Tables that staff bring along from the program they had before."""

import uuid

from django.db import models
from django.utils import timezone


class Import(models.Model):
    """A CSV file of one kind of rows: checked first, then, if staff say so, imported in chunks by the worker.

    ``file`` is encrypted, and is gone a day after the import: then only the numbers are left.
    """

    class Kind(models.TextChoices):
        PATIENTS = "patients"
        SERVICES = "services"
        CLINICIANS = "clinicians"
        APPOINTMENTS = "appointments", "coming appointments"

    class Status(models.TextChoices):
        CHECKING = "checking", "being checked"
        CHECKED = "checked", "checked"
        IMPORTING = "importing", "being imported"
        DONE = "done", "imported"

    IN_PROGRESS = ["checking", "importing"]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField("what it has", max_length=12, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.CHECKING, editable=False)
    is_announced = models.BooleanField(
        "tell patients and other systems",
        default=False,
        help_text="Mail each patient their visit, and tell approvers, webhooks and calendars of everything new.",
    )
    file = models.BinaryField(null=True, editable=False)
    unknown_columns = models.JSONField(default=list, editable=False)
    row_count = models.PositiveIntegerField("rows", editable=False)
    position = models.PositiveIntegerField(default=0, editable=False, help_text="How many rows are behind.")
    created_count = models.PositiveIntegerField("new", default=0, editable=False)
    known_count = models.PositiveIntegerField("here already", default=0, editable=False)
    refused_count = models.PositiveIntegerField("not imported", default=0, editable=False)
    actor = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        default_permissions = ("add", "view")

    def __str__(self):
        return f"{self.Kind(self.kind).label}, {self.created_at:%Y-%m-%d}"

    @property
    def is_in_progress(self) -> bool:
        return self.status in self.IN_PROGRESS and self.file is not None


class ImportProblem(models.Model):
    """Why a row of an import is refused, without what it says."""

    of_import = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300)

    class Meta:
        ordering = ["line"]
        default_permissions = ()

    def __str__(self):
        return f"line {self.line}"
