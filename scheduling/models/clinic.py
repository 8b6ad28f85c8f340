"""Locations, services and clinicians."""

import uuid
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from scheduling.lib.integration_fields import ExternalIdField, MetadataField
from scheduling.lib.postal_addresses import get_map_address, write_town
from scheduling.lib.price_field import PriceField
from scheduling.models import validators
from scheduling.models.images import Image
from scheduling.models.translations import Translated

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# What API clients keep with a row, and when it came and changed: see scheduling.lib.compiled_queries.
RARELY_READ = ("external_id", "metadata", "created_at", "updated_at")


def list_default_reminders() -> list[timedelta]:
    """Return how long before a visit its patient is reminded, unless the clinic says otherwise."""
    return [48 * HOUR, 2 * HOUR]


class Location(Translated):
    """A clinic site. Working hours there are wall time in its time zone."""

    RARELY_READ = (*RARELY_READ, "schedule_changed_at", "photo_id", "step_free_access", "access_notes", "parking")
    TRANSLATED = ("name", "directions", "access_notes", "parking")

    class StepFreeAccess(models.TextChoices):
        UNKNOWN = "", "not said"
        YES = "yes", _("Step-free throughout")
        PARTLY = "partly", _("Step-free in part")
        NO = "no", _("There are steps")

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
        "time zone",
        max_length=64,
        default="Europe/London",
        validators=[validators.validate_time_zone],
        help_text="An IANA name such as Europe/London.",
    )
    hold_seconds = models.PositiveIntegerField(
        default=900,
        validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text="How long a hold lives here, in seconds. A change touches new holds only.",
    )
    phone = models.CharField(max_length=32, blank=True)
    email = models.EmailField(blank=True)
    directions = models.TextField(blank=True, help_text="How to find the door: shown with the appointment.")
    photo = models.OneToOneField(Image, on_delete=models.SET_NULL, null=True, blank=True, editable=False)
    step_free_access = models.CharField(
        max_length=6,
        choices=StepFreeAccess,
        blank=True,
        default="",
        db_default="",
        help_text="Whether somebody in a wheelchair gets in by themselves.",
    )
    access_notes = models.TextField(
        "getting in", blank=True, default="", db_default="", help_text="Such as: the lift is behind the second door."
    )
    parking = models.TextField(
        blank=True, default="", db_default="", help_text="Where to leave a car or a bicycle, and what it costs."
    )
    is_active = models.BooleanField("active", default=True)
    external_id = ExternalIdField()
    metadata = MetadataField()
    created_at = models.DateTimeField(default=now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    # When its free times last changed for another reason than an event of a booking there: see schedule_changes.
    schedule_changed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def address(self) -> list[str]:
        """The postal address as a list of its non-empty lines, in the order of its country."""
        town = write_town(self.city, self.postcode, self.country)
        return list(filter(None, [self.address_line_1, self.address_line_2, town]))

    @property
    def map_address(self) -> str:
        """The address of a map that shows it."""
        return get_map_address(self.address, self.latitude, self.longitude)


class ServiceCategory(Translated):
    """A heading under which services are listed."""

    TRANSLATED = ("name",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Categories are listed in this order.")

    class Meta:
        ordering = ["position", "name"]
        verbose_name = "category of services"
        verbose_name_plural = "categories of services"

    def __str__(self):
        return self.name


class Service(Translated):
    """What is booked: how long it takes, how it is met, and the rules for booking it."""

    RARELY_READ = RARELY_READ
    TRANSLATED = ("name", "description", "new_patients_only_text", "what_to_bring")

    class Mode(models.TextChoices):
        IN_PERSON = "in_person", "in person"
        REMOTE = "remote", "by video"
        BOTH = "both", "in person or by video"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True, help_text="Its address on the patient's pages.")
    description = models.TextField(blank=True)
    category = models.ForeignKey(
        ServiceCategory,
        on_delete=models.SET_NULL,
        related_name="services",
        null=True,
        blank=True,
        help_text="The heading it is listed under. Services without one come first.",
    )
    position = models.PositiveSmallIntegerField(
        default=0, help_text="Services are listed in this order, within their category."
    )
    color = models.CharField(
        max_length=7,
        default="#2563eb",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", "Write a colour as #rrggbb.")],
    )
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IN_PERSON)
    price = PriceField(default=Decimal(0), validators=[MinValueValidator(Decimal(0))])
    currency = models.CharField(
        max_length=3, default="GBP", validators=[RegexValidator(r"^[A-Z]{3}\Z", "Write an ISO 4217 code such as GBP.")]
    )

    duration = models.DurationField(default=30 * MINUTE, validators=[validators.from_a_minute_to_half_a_day])
    buffer_before = models.DurationField(default=timedelta(), validators=[validators.up_to_four_hours])
    buffer_after = models.DurationField(default=timedelta(), validators=[validators.up_to_four_hours])
    step = models.DurationField(
        "step between starts",
        default=15 * MINUTE,
        validators=[validators.from_a_minute_to_half_a_day],
        help_text="Times are offered this far apart, counted from the start of the working hours.",
    )
    notice = models.DurationField(
        default=timedelta(hours=2),
        validators=[validators.up_to_two_years],
        help_text="The soonest that can be booked, from now.",
    )
    horizon = models.DurationField(
        default=60 * DAY, validators=[validators.up_to_two_years], help_text="The latest that can be booked, from now."
    )
    cancellation_notice = models.DurationField(default=DAY, validators=[validators.up_to_two_years])

    is_once_a_day = models.BooleanField(
        "once a day", default=False, db_default=False, help_text="Whether a patient may have it only once on one day."
    )
    is_active = models.BooleanField("active", default=True)
    is_online_bookable = models.BooleanField(
        "bookable online", default=True, help_text="Whether patients book it themselves, or only staff do."
    )
    is_private = models.BooleanField(
        "private",
        default=False,
        db_default=False,
        help_text="Patients book it only by its link, which is in no list. Choose an address that nobody guesses.",
    )
    new_patients_only_text = models.CharField(
        max_length=200, blank=True, help_text="If only new patients may book it, the sentence that tells them so."
    )
    what_to_bring = models.TextField(blank=True, help_text="Shown and e-mailed with the appointment.")
    email_reminders = ArrayField(  # pyright: ignore[reportCallIssue] (the stubs know no db_default)
        models.DurationField(validators=[validators.from_a_quarter_to_four_weeks]),
        verbose_name="e-mail reminders",
        size=5,
        blank=True,
        default=list_default_reminders,
        db_default=[48 * HOUR, 2 * HOUR],
        help_text="How long before the visit. What would come between 21:00 and 8:00 comes the evening before.",
    )
    text_reminders = ArrayField(  # pyright: ignore[reportCallIssue] (the stubs know no db_default)
        models.DurationField(validators=[validators.from_a_quarter_to_four_weeks]),
        verbose_name="text message reminders",
        size=5,
        blank=True,
        default=list,
        db_default=[],
        help_text="The same by text message (SMS), to numbers that are proved or that staff or a program wrote down.",
    )
    reminders_need_consent = models.BooleanField(
        "only for patients who ask for it",
        default=True,
        db_default=True,
        help_text="Whether patients are reminded only if they have ticked the box for it.",
    )
    external_id = ExternalIdField()
    metadata = MetadataField()
    created_at = models.DateTimeField(default=now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        ordering = ["position", "name"]

    def __str__(self):
        return self.name

    @property
    def asks_for_reminders(self) -> bool:
        """Whether patients are asked if they want reminders."""
        return self.reminders_need_consent and bool(self.email_reminders or self.text_reminders)

    def allows(self, *, is_remote: bool) -> bool:
        """Return whether the service is given that way: by video, or in person."""
        return self.mode == self.Mode.BOTH or (self.mode == self.Mode.REMOTE) == is_remote


class Clinician(Translated):
    """A person who can be booked for some services."""

    RARELY_READ = (*RARELY_READ, "photo_id", "languages", "gender", "has_page", "time_off_approval")
    TRANSLATED = ("title", "bio")

    class Gender(models.TextChoices):
        NOT_GIVEN = "", "not given"
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")
        NON_BINARY = "non_binary", _("Non-binary")

    class TimeOffApproval(models.TextChoices):
        AS_CLINIC = "", "as the clinic's settings say"
        ASKED = "asked", "somebody approves it"
        AT_ONCE = "at_once", "it counts at once"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    title = models.CharField(max_length=100, blank=True, help_text="For example: Physiotherapist.")
    bio = models.TextField(blank=True, help_text="A few sentences for their page. An empty line begins a paragraph.")
    photo = models.OneToOneField(Image, on_delete=models.SET_NULL, null=True, blank=True, editable=False)
    languages = ArrayField(
        models.CharField(max_length=8),
        validators=[validators.validate_languages],  # pyright: ignore[reportCallIssue]
        blank=True,
        default=list,
        db_default=[],
        verbose_name="languages spoken",
    )
    gender = models.CharField(
        max_length=10,
        choices=Gender,
        blank=True,
        default="",
        db_default="",
        help_text="Shown to patients, if they wish to give it.",
    )
    has_page = models.BooleanField(
        "has a page",
        default=True,
        db_default=True,
        help_text="Whether patients find a page about them, while they are active.",
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, help_text="Their login, if any."
    )
    services = models.ManyToManyField(Service, related_name="clinicians", blank=True)
    is_active = models.BooleanField("active", default=True)
    weight = models.DecimalField(
        max_digits=4,
        decimal_places=2,
        default=Decimal(1),
        db_default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="Their share of bookings that name no clinician: 2 is twice as many for the same hours as 1.",
    )
    time_off_approval = models.CharField(
        "own time off",
        max_length=7,
        choices=TimeOffApproval,
        blank=True,
        default="",
        db_default="",
        help_text="What happens to time off that they enter themselves.",
    )
    # Last booking that named no clinician: of equally busy clinicians the one who has waited longest is next.
    last_assigned_at = models.DateTimeField(null=True, editable=False)
    external_id = ExternalIdField()
    metadata = MetadataField()
    created_at = models.DateTimeField(default=now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name
