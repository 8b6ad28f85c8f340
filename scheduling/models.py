"""Places, people, services, their hours, and the ledger of taken time."""

import uuid
from datetime import time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from . import validators
from .fields import EncryptedField

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MIDNIGHT = time(0)
SLOT_NO_OVERLAP = "slot_no_overlap"  # a class body cannot see its own names inside Meta


class Location(models.Model):
    """A clinic site. Working hours there are wall time in its time zone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    address_line_1 = models.CharField(max_length=100)
    address_line_2 = models.CharField(max_length=100, blank=True)
    city = models.CharField(max_length=100)
    postcode = models.CharField(max_length=20, blank=True)
    country = models.CharField("country code", max_length=2, default="GB", help_text="ISO 3166-1, two letters.")
    latitude = models.DecimalField(max_digits=10, decimal_places=7, null=True, blank=True)
    longitude = models.DecimalField(max_digits=10, decimal_places=7, null=True, blank=True)
    timezone = models.CharField(
        "time zone", max_length=64, default="Europe/London", validators=[validators.known_time_zone],
        help_text="An IANA name such as Europe/London.",
    )
    hold_seconds = models.PositiveIntegerField(
        default=900, validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text="How long a hold lives here, in seconds. A change touches new holds only.",
    )
    phone = models.CharField(max_length=32, blank=True)
    email = models.EmailField(blank=True)
    directions = models.TextField(blank=True, help_text="How to find the door: shown with the appointment.")
    is_active = models.BooleanField("active", default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    @property
    def zone(self):
        return ZoneInfo(self.timezone)

    @property
    def address(self):
        """The postal address as a list of its non-empty lines."""
        town = " ".join(filter(None, [self.city, self.postcode]))
        return list(filter(None, [self.address_line_1, self.address_line_2, town]))


class Service(models.Model):
    """What is booked: how long it takes, how it is met, and the rules for booking it."""

    class Mode(models.TextChoices):
        IN_PERSON = "in_person", "in person"
        REMOTE = "remote", "by video"
        BOTH = "both", "in person or by video"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True, help_text="Its address on the patient's pages.")
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Services are listed in this order.")
    color = models.CharField(
        max_length=7,
        default="#2563eb",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", "Write a colour as #rrggbb.")],
    )
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IN_PERSON)
    price = models.DecimalField(
        max_digits=8, decimal_places=2, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    currency = models.CharField(
        max_length=3, default="GBP", validators=[RegexValidator(r"^[A-Z]{3}\Z", "Write an ISO 4217 code such as GBP.")]
    )

    duration = models.DurationField(default=30 * MINUTE, validators=[validators.from_a_minute_to_half_a_day])
    buffer_before = models.DurationField(default=timedelta(), validators=[validators.up_to_four_hours])
    buffer_after = models.DurationField(default=timedelta(), validators=[validators.up_to_four_hours])
    step = models.DurationField(
        "step between starts", default=15 * MINUTE, validators=[validators.from_a_minute_to_half_a_day],
        help_text="Times are offered this far apart, counted from the start of the working hours.",
    )
    notice = models.DurationField(
        default=timedelta(hours=2), validators=[validators.up_to_two_years],
        help_text="The soonest that can be booked, from now.",
    )
    horizon = models.DurationField(
        default=60 * DAY, validators=[validators.up_to_two_years], help_text="The latest that can be booked, from now."
    )
    cancellation_notice = models.DurationField(default=DAY, validators=[validators.up_to_two_years])

    is_active = models.BooleanField("active", default=True)
    is_online_bookable = models.BooleanField(
        "bookable online", default=True, help_text="Whether patients book it themselves, or only staff do."
    )
    new_patients_only_text = models.CharField(
        max_length=200, blank=True, help_text="If only new patients may book it, the sentence that tells them so."
    )
    what_to_bring = models.TextField(blank=True, help_text="Shown and e-mailed with the appointment.")

    class Meta:
        ordering = ["position", "name"]

    def __str__(self):
        return self.name

    def allows(self, *, is_remote):
        """Return whether the service can be met that way: by video or in person."""
        return self.mode == self.Mode.BOTH or (self.mode == self.Mode.REMOTE) == is_remote


class Clinician(models.Model):
    """A person who can be booked for some services."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    title = models.CharField(max_length=100, blank=True, help_text="For example: Physiotherapist.")
    bio = models.TextField(blank=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, help_text="Their login, if any."
    )
    services = models.ManyToManyField(Service, related_name="clinicians", blank=True)
    is_active = models.BooleanField("active", default=True)
    # When a booking that named nobody last came to them: of equally busy clinicians, whoever waits longest is next.
    last_assigned_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class WorkingHours(models.Model):
    """A weekly rule: this clinician works there on that weekday, from–to, in the location's wall time."""

    class Weekday(models.IntegerChoices):
        MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)

    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="working_hours")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="working_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    start_time = models.TimeField("from")
    end_time = models.TimeField("to", help_text="00:00 is midnight at the end of the day.")
    is_remote = models.BooleanField("by video", default=False)

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
        ]

    def __str__(self):
        return f"{self.get_weekday_display()} {self.start_time:%H:%M}–{self.end_time:%H:%M}"


class TimeOff(models.Model):
    """A clinician is away, or a whole location is closed."""

    clinician = models.ForeignKey(
        Clinician, on_delete=models.CASCADE, related_name="time_off", null=True, blank=True
    )
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
                name="time_off_end_after_start", condition=Q(ends_at__gt=F("starts_at")),
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


class Calendar(models.Model):
    """A clinician's calendar elsewhere: one whose busy time counts here, or one that appointments are written to."""

    class Kind(models.TextChoices):
        ICALENDAR = "icalendar", "read: its busy time is not offered"
        CALDAV = "caldav", "write: appointments are put into it"

    class WhenUnreachable(models.TextChoices):
        WITHHOLD = "withhold", "offer none of their times"
        OFFER = "offer", "offer their times as last read"

    STALE_AFTER = timedelta(hours=1)  # a read calendar that could not be read for so long counts as unreachable

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="calendars")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ICALENDAR)
    url = EncryptedField("address", help_text="Its private iCalendar address, or that of a CalDAV collection.")
    username = models.CharField(max_length=200, blank=True)
    password = EncryptedField(blank=True)
    when_unreachable = models.CharField(
        max_length=10, choices=WhenUnreachable, default=WhenUnreachable.WITHHOLD,
        help_text="What to do with the clinician's times while it cannot be read.",
    )
    is_active = models.BooleanField("active", default=True)
    # What the server said of the version we have read: asked with these it answers "not modified".
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)  # of what mattered in that version
    read_until = models.DateTimeField("known until", null=True, editable=False)  # beyond, nobody has looked yet
    failures = models.PositiveSmallIntegerField("failures in a row", default=0, editable=False)
    due_at = models.DateTimeField("next read", default=timezone.now, editable=False)
    last_tried_at = models.DateTimeField(null=True, editable=False)
    last_synced_at = models.DateTimeField("last reached", null=True, editable=False)
    last_error = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ["clinician", "name"]
        indexes = [models.Index("due_at", name="calendar_due", condition=Q(kind="icalendar", is_active=True))]

    def __str__(self):
        return f"{self.name} of {self.clinician}"

    def is_unreachable(self, *, at):
        """Return whether what is known of it is too old to be relied on."""
        return self.last_synced_at is None or self.last_synced_at <= at - self.STALE_AFTER


class BusyDay(models.Model):
    """When a clinician is busy, by their own calendar, on one date of UTC. It may overlap slots, and other calendars.

    ``stretches`` is packed by intervals.pack: availability reads thousands at a time, and a row for each
    would take longer than all the rest.
    """

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="busy_days", db_index=False)
    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    stretches = models.BinaryField()

    class Meta:
        indexes = [models.Index("clinician", "day", name="busy_day_clinician")]
        constraints = [models.UniqueConstraint("calendar", "day", name="busy_day_of_calendar")]

    def __str__(self):
        return f"{self.day:%Y-%m-%d}"


class SlotQuerySet(models.QuerySet):
    def overlapping(self, period):
        """Slots that share time with ``period`` (a psycopg or Django range)."""
        return self.filter(period__overlap=period)

    def lapsed(self, *, at):
        """Slots whose hold had run out by ``at``."""
        return self.filter(expires_at__lte=at)


class Slot(models.Model):
    """A stretch of one clinician's time that is taken, buffers included.

    No two of one clinician overlap: the database refuses the second. A slot with ``expires_at``
    belongs to a hold and stops counting then; one without is kept until it is deleted.
    """

    NO_OVERLAP = SLOT_NO_OVERLAP
    LONGEST = DAY

    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="slots", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="slots", db_index=False)
    period = DateTimeRangeField()
    taken_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ["period"]
        constraints = [
            ExclusionConstraint(
                name=SLOT_NO_OVERLAP,
                expressions=[("clinician", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
            ),
            # The length bounds how far availability.py must read beyond a range.
            models.CheckConstraint(
                name="slot_is_bounded",
                condition=Q(
                    period__isempty=False, period__lower_inf=False, period__upper_inf=False,
                    period__endswith__lte=F("period__startswith") + DAY,
                ),
            ),
        ]
        indexes = [
            # One clinician's window costs the same at a thousand slots and at a million.
            models.Index(F("clinician"), Upper("period"), name="slot_clinician_end"),
            models.Index("expires_at", name="slot_expires_at", condition=Q(expires_at__isnull=False)),
        ]

    def __str__(self):
        return f"{self.clinician_id} {self.period.lower:%Y-%m-%d %H:%M}–{self.period.upper:%H:%M}"
