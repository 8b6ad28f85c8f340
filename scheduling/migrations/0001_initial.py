import datetime
import uuid
from decimal import Decimal

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

import scheduling.lib.encrypted_field
import scheduling.lib.price_field
import scheduling.models.validators


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="Location",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, unique=True)),
                ("address_line_1", models.CharField(max_length=100)),
                ("address_line_2", models.CharField(blank=True, max_length=100)),
                ("city", models.CharField(max_length=100)),
                ("postcode", models.CharField(blank=True, max_length=20)),
                (
                    "country",
                    models.CharField(
                        default="GB", help_text="ISO 3166-1, two letters.", max_length=2, verbose_name="country code"
                    ),
                ),
                ("latitude", models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True)),
                ("longitude", models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True)),
                (
                    "timezone",
                    models.CharField(
                        default="Europe/London",
                        help_text="An IANA name such as Europe/London.",
                        max_length=64,
                        validators=[scheduling.models.validators.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "hold_seconds",
                    models.PositiveIntegerField(
                        default=900,
                        help_text="How long a hold lives here, in seconds. A change touches new holds only.",
                        validators=[
                            django.core.validators.MinValueValidator(30),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                ("phone", models.CharField(blank=True, max_length=32)),
                ("email", models.EmailField(blank=True, max_length=254)),
                (
                    "directions",
                    models.TextField(blank=True, help_text="How to find the door: shown with the appointment."),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Service",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                (
                    "slug",
                    models.SlugField(help_text="Its address on the patient's pages.", max_length=100, unique=True),
                ),
                ("description", models.TextField(blank=True)),
                (
                    "position",
                    models.PositiveSmallIntegerField(default=0, help_text="Services are listed in this order."),
                ),
                (
                    "color",
                    models.CharField(
                        default="#2563eb",
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator("^#[0-9a-fA-F]{6}\\Z", "Write a colour as #rrggbb.")
                        ],
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("in_person", "in person"), ("remote", "by video"), ("both", "in person or by video")],
                        default="in_person",
                        max_length=10,
                    ),
                ),
                (
                    "price",
                    scheduling.lib.price_field.PriceField(
                        default=Decimal("0"), validators=[django.core.validators.MinValueValidator(Decimal("0"))]
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        default="GBP",
                        max_length=3,
                        validators=[
                            django.core.validators.RegexValidator("^[A-Z]{3}\\Z", "Write an ISO 4217 code such as GBP.")
                        ],
                    ),
                ),
                (
                    "duration",
                    models.DurationField(
                        default=datetime.timedelta(seconds=1800),
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(seconds=60), maximum=datetime.timedelta(seconds=43200)
                            )
                        ],
                    ),
                ),
                (
                    "buffer_before",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(0), maximum=datetime.timedelta(seconds=14400)
                            )
                        ],
                    ),
                ),
                (
                    "buffer_after",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(0), maximum=datetime.timedelta(seconds=14400)
                            )
                        ],
                    ),
                ),
                (
                    "step",
                    models.DurationField(
                        default=datetime.timedelta(seconds=900),
                        help_text="Times are offered this far apart, counted from the start of the working hours.",
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(seconds=60), maximum=datetime.timedelta(seconds=43200)
                            )
                        ],
                        verbose_name="step between starts",
                    ),
                ),
                (
                    "notice",
                    models.DurationField(
                        default=datetime.timedelta(seconds=7200),
                        help_text="The soonest that can be booked, from now.",
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(0), maximum=datetime.timedelta(days=730)
                            )
                        ],
                    ),
                ),
                (
                    "horizon",
                    models.DurationField(
                        default=datetime.timedelta(days=60),
                        help_text="The latest that can be booked, from now.",
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(0), maximum=datetime.timedelta(days=730)
                            )
                        ],
                    ),
                ),
                (
                    "cancellation_notice",
                    models.DurationField(
                        default=datetime.timedelta(days=1),
                        validators=[
                            scheduling.models.validators.WholeMinutes(
                                minimum=datetime.timedelta(0), maximum=datetime.timedelta(days=730)
                            )
                        ],
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "is_online_bookable",
                    models.BooleanField(
                        default=True,
                        help_text="Whether patients book it themselves, or only staff do.",
                        verbose_name="bookable online",
                    ),
                ),
                (
                    "new_patients_only_text",
                    models.CharField(
                        blank=True,
                        help_text="If only new patients may book it, the sentence that tells them so.",
                        max_length=200,
                    ),
                ),
                ("what_to_bring", models.TextField(blank=True, help_text="Shown and e-mailed with the appointment.")),
            ],
            options={
                "ordering": ["position", "name"],
            },
        ),
        migrations.CreateModel(
            name="Clinician",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("title", models.CharField(blank=True, help_text="For example: Physiotherapist.", max_length=100)),
                ("bio", models.TextField(blank=True)),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("last_assigned_at", models.DateTimeField(editable=False, null=True)),
                (
                    "user",
                    models.OneToOneField(
                        blank=True,
                        help_text="Their login, if any.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("services", models.ManyToManyField(blank=True, related_name="clinicians", to="scheduling.service")),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Calendar",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("icalendar", "read: its busy time is not offered"),
                            ("caldav", "write: appointments are put into it"),
                        ],
                        default="icalendar",
                        max_length=10,
                    ),
                ),
                (
                    "url",
                    scheduling.lib.encrypted_field.EncryptedField(
                        help_text="Its private iCalendar address, or that of a CalDAV collection.",
                        verbose_name="address",
                    ),
                ),
                ("username", models.CharField(blank=True, max_length=200)),
                ("password", scheduling.lib.encrypted_field.EncryptedField(blank=True)),
                (
                    "when_unreachable",
                    models.CharField(
                        choices=[
                            ("withhold", "offer none of their times"),
                            ("offer", "offer their times as last read"),
                        ],
                        default="withhold",
                        help_text="What to do with the clinician's times while it cannot be read.",
                        max_length=10,
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("etag", models.CharField(blank=True, editable=False, max_length=500)),
                ("last_modified", models.CharField(blank=True, editable=False, max_length=100)),
                ("fingerprint", models.CharField(blank=True, editable=False, max_length=64)),
                ("read_until", models.DateTimeField(editable=False, null=True, verbose_name="known until")),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, editable=False, verbose_name="failures in a row"),
                ),
                (
                    "due_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="next read"),
                ),
                ("last_tried_at", models.DateTimeField(editable=False, null=True)),
                ("last_synced_at", models.DateTimeField(editable=False, null=True, verbose_name="last reached")),
                ("last_error", models.CharField(blank=True, editable=False, max_length=200)),
                (
                    "clinician",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="calendars", to="scheduling.clinician"
                    ),
                ),
            ],
            options={
                "ordering": ["clinician", "name"],
            },
        ),
        migrations.CreateModel(
            name="BusyDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("stretches", models.BinaryField()),
                (
                    "calendar",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="busy_days",
                        to="scheduling.calendar",
                    ),
                ),
                (
                    "clinician",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="scheduling.clinician",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Slot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lane", models.SmallIntegerField(db_default=0, default=0, editable=False)),
                ("period", django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                ("taken_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "clinician",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="slots",
                        to="scheduling.clinician",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="slots",
                        to="scheduling.location",
                    ),
                ),
            ],
            options={
                "ordering": ["period"],
            },
        ),
        migrations.CreateModel(
            name="TimeOff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="to")),
                ("reason", models.CharField(blank=True, help_text="For staff only.", max_length=100)),
                (
                    "clinician",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="time_off",
                        to="scheduling.clinician",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="time_off",
                        to="scheduling.location",
                    ),
                ),
            ],
            options={
                "verbose_name": "time off",
                "verbose_name_plural": "time off",
                "ordering": ["-starts_at"],
            },
        ),
        migrations.CreateModel(
            name="WorkingHours",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "weekday",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "Monday"),
                            (1, "Tuesday"),
                            (2, "Wednesday"),
                            (3, "Thursday"),
                            (4, "Friday"),
                            (5, "Saturday"),
                            (6, "Sunday"),
                        ]
                    ),
                ),
                ("start_time", models.TimeField(verbose_name="from")),
                ("end_time", models.TimeField(help_text="00:00 is midnight at the end of the day.", verbose_name="to")),
                ("is_remote", models.BooleanField(default=False, verbose_name="by video")),
                (
                    "clinician",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="working_hours",
                        to="scheduling.clinician",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="working_hours",
                        to="scheduling.location",
                    ),
                ),
            ],
            options={
                "verbose_name": "working hours",
                "verbose_name_plural": "working hours",
                "ordering": ["clinician", "weekday", "start_time"],
            },
        ),
        migrations.AddIndex(
            model_name="calendar",
            index=models.Index(
                models.F("due_at"), condition=models.Q(("is_active", True), ("kind", "icalendar")), name="calendar_due"
            ),
        ),
        migrations.AddIndex(
            model_name="busyday",
            index=models.Index(models.F("clinician"), models.F("day"), name="busy_day_clinician"),
        ),
        migrations.AddConstraint(
            model_name="busyday",
            constraint=models.UniqueConstraint(models.F("calendar"), models.F("day"), name="busy_day_of_calendar"),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                models.F("clinician"), django.db.models.functions.text.Upper("period"), name="slot_clinician_end"
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                models.F("expires_at"), condition=models.Q(("expires_at__isnull", False)), name="slot_expires_at"
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[("clinician", "="), ("lane", "="), ("period", "&&")], name="slot_no_overlap"
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(condition=models.Q(("lane__range", (0, 1))), name="slot_lane"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "period__endswith__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("period__startswith"), "+", models.Value(datetime.timedelta(days=1))
                        ),
                    ),
                    ("period__isempty", False),
                    ("period__lower_inf", False),
                    ("period__upper_inf", False),
                ),
                name="slot_is_bounded",
            ),
        ),
        migrations.AddIndex(
            model_name="timeoff",
            index=models.Index(models.F("ends_at"), name="time_off_ends_at"),
        ),
        migrations.AddConstraint(
            model_name="timeoff",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="time_off_end_after_start",
                violation_error_message="The end must be after the start.",
            ),
        ),
        migrations.AddConstraint(
            model_name="timeoff",
            constraint=models.CheckConstraint(
                condition=models.Q(("clinician__isnull", True), ("location__isnull", True), _connector="XOR"),
                name="time_off_of_one",
                violation_error_message="Choose either a clinician or a location.",
            ),
        ),
        migrations.AddConstraint(
            model_name="workinghours",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("end_time__gt", models.F("start_time")), ("end_time", datetime.time(0, 0)), _connector="OR"
                ),
                name="working_hours_end_after_start",
                violation_error_message="The end must be after the start (00:00 is midnight at the end of the day).",
            ),
        ),
        migrations.AddConstraint(
            model_name="workinghours",
            constraint=models.CheckConstraint(condition=models.Q(("weekday__lte", 6)), name="working_hours_weekday"),
        ),
    ]
