"""When clinicians work, and when they do not."""

from datetime import date, time
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.timezone import now

from scheduling.models.clinic import Clinician, Location

MIDNIGHT = time(0)
SENSIBLE_DATES = [MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2200, 1, 1))]


class Dated(models.Model):
    """Rows that say when they came and changed, to those who read them over the API."""

    created_at = models.DateTimeField(default=now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        abstract = True


class WorkingHours(Dated):
    """A weekly rule: this clinician works there on that weekday, from–to, in the location's wall time.

    It may hold only from a date, or until one, both included; and only in every n-th week, counted from the Monday
    of the week of ``valid_from``.
    """

    class Weekday(models.IntegerChoices):
        MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)

    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="working_hours")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="working_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    start_time = models.TimeField("from")
    end_time = models.TimeField("to", help_text="00:00 is midnight at the end of the day.")
    is_remote = models.BooleanField("by video", default=False)
    valid_from = models.DateField(null=True, blank=True, validators=SENSIBLE_DATES)
    valid_until = models.DateField(null=True, blank=True, validators=SENSIBLE_DATES)
    every_weeks = models.PositiveSmallIntegerField(
        "every … weeks",
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(52)],
        help_text="2 is every second week, counted from the week of “valid from”.",
    )

    class Meta:
        ordering = ["clinician", "weekday", "start_time"]
        verbose_name = verbose_name_plural = "working hours"
        constraints = [
            models.CheckConstraint(
                name="working_hours_end_after_start",
                condition=Q(end_time__gt=F("start_time")) | Q(end_time=MIDNIGHT),
                violation_error_message="The end must be after the start (00:00 is midnight at the end of the day).",
            ),
            models.CheckConstraint(name="working_hours_weekday", condition=Q(weekday__lte=6)),
            models.CheckConstraint(
                name="working_hours_valid_for_a_day",
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gte=F("valid_from")),
                violation_error_message="“Valid until” must not be before “valid from”.",
            ),
            models.CheckConstraint(
                name="working_hours_counted_from",
                condition=Q(every_weeks=1) | Q(every_weeks__range=(2, 52), valid_from__isnull=False),
                violation_error_message="Say from when the weeks are counted, in “valid from”.",
            ),
        ]

    def __str__(self):
        return f"{self.Weekday(self.weekday).label} {self.start_time:%H:%M}–{self.end_time:%H:%M}"


class ExtraHours(Dated):
    """Hours on one date, beside the weekly ones, from–to, in the location's wall time."""

    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="extra_hours")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="extra_hours")
    date = models.DateField(validators=SENSIBLE_DATES)
    start_time = models.TimeField("from")
    end_time = models.TimeField("to", help_text="00:00 is midnight at the end of the day.")
    is_remote = models.BooleanField("by video", default=False)

    class Meta:
        ordering = ["clinician", "date", "start_time"]
        verbose_name = verbose_name_plural = "extra hours"
        constraints = [
            models.CheckConstraint(
                name="extra_hours_end_after_start",
                condition=Q(end_time__gt=F("start_time")) | Q(end_time=MIDNIGHT),
                violation_error_message="The end must be after the start (00:00 is midnight at the end of the day).",
            ),
        ]

    def __str__(self):
        return f"{self.date:%Y-%m-%d} {self.start_time:%H:%M}–{self.end_time:%H:%M}"


def list_workplaces(*columns: str, from_day: date = date.min, **conditions: Any) -> models.QuerySet:
    """Return what ``columns`` are of all hours, weekly and extra, that are not over by ``from_day``: each row once.

    ``conditions`` and columns are those of both models.
    """
    is_not_over = {WorkingHours: Q(valid_until=None) | Q(valid_until__gte=from_day), ExtraHours: Q(date__gte=from_day)}
    weekly, extra = (
        model.objects.order_by().filter(wanted, **conditions).values_list(*columns)
        for model, wanted in is_not_over.items()
    )
    return weekly.union(extra)


class TimeOff(Dated):
    """A clinician is away, or a whole location is closed."""

    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="time_off", null=True, blank=True)
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="time_off", null=True, blank=True)
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("to")
    reason = models.CharField(max_length=100, blank=True, help_text="For staff only.")

    class Meta:
        ordering = ["-starts_at"]
        verbose_name = verbose_name_plural = "time off"
        indexes = [models.Index("ends_at", name="time_off_ends_at")]
        constraints = [
            models.CheckConstraint(
                name="time_off_end_after_start",
                condition=Q(ends_at__gt=F("starts_at")),
                violation_error_message="The end must be after the start.",
            ),
            models.CheckConstraint(
                name="time_off_of_one",
                condition=Q(clinician__isnull=True) ^ Q(location__isnull=True),
                violation_error_message="Choose either a clinician or a location.",
            ),
        ]

    def __str__(self):
        return f"{self.clinician or self.location} {self.starts_at:%Y-%m-%d}–{self.ends_at:%Y-%m-%d}"
