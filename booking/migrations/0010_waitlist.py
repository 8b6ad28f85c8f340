import datetime
import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import patients.fields
import patients.text


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0009_message_texts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Waitlist",
            fields=[
                (
                    "service",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="waitlist",
                        serialize=False,
                        to="scheduling.service",
                    ),
                ),
                (
                    "is_open",
                    models.BooleanField(
                        default=True,
                        help_text="Whether patients may join. Who waits already is still offered times.",
                        verbose_name="open",
                    ),
                ),
                (
                    "answer_time",
                    models.DurationField(
                        default=datetime.timedelta(seconds=7200),
                        help_text="How long an offered time is held, at most until the service's notice.",
                        validators=[
                            django.core.validators.MinValueValidator(datetime.timedelta(seconds=900)),
                            django.core.validators.MaxValueValidator(datetime.timedelta(days=2)),
                        ],
                    ),
                ),
                ("searched_at", models.DateTimeField(editable=False, null=True)),
                ("seen_event_id", models.BigIntegerField(default=0, editable=False)),
            ],
            options={
                "verbose_name": "waiting list",
                "ordering": ["service"],
            },
        ),
        migrations.AlterField(
            model_name="event",
            name="subject_type",
            field=models.CharField(
                choices=[
                    ("booking", "Booking"),
                    ("patient", "Patient"),
                    ("order", "Order"),
                    ("location", "Location"),
                    ("waitlist", "Waitlist"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="WaitlistEntry",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "is_remote",
                    models.BooleanField(
                        blank=True, help_text="Unknown: either will do.", null=True, verbose_name="by video"
                    ),
                ),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        blank=True,
                        default=list,
                        help_text="0 is Monday. Empty: any day.",
                        size=None,
                    ),
                ),
                (
                    "parts_of_day",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("morning", "Morning"), ("afternoon", "Afternoon"), ("evening", "Evening")],
                            max_length=9,
                        ),
                        blank=True,
                        default=list,
                        help_text="Empty: any.",
                        size=None,
                    ),
                ),
                ("first_day", models.DateField(blank=True, null=True)),
                ("last_day", models.DateField()),
                ("first_name", models.CharField(blank=True, max_length=100, validators=[patients.text.validate_name])),
                ("last_name", models.CharField(max_length=100, validators=[patients.text.validate_name])),
                ("email", patients.fields.EmailField(max_length=254, verbose_name="e-mail")),
                ("phone", models.CharField(blank=True, max_length=32, validators=[patients.text.validate_printable])),
                ("email_id", models.CharField(editable=False, max_length=64)),
                (
                    "network",
                    models.CharField(
                        blank=True, editable=False, help_text="Where the visitor has come from.", max_length=64
                    ),
                ),
                ("language", models.CharField(blank=True, editable=False, max_length=10)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("unconfirmed", "waits for the link in its e-mail"),
                            ("waiting", "Waiting"),
                            ("booked", "Booked"),
                            ("left", "Left"),
                            ("removed", "taken off by staff"),
                            ("expired", "its last day is over"),
                            ("unanswered", "left offers unanswered"),
                        ],
                        default="unconfirmed",
                        editable=False,
                        max_length=12,
                    ),
                ),
                (
                    "priority",
                    models.SmallIntegerField(
                        default=0,
                        help_text="Higher comes first; of equals, who has waited longest.",
                        validators=[
                            django.core.validators.MinValueValidator(-100),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                (
                    "known_starts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, editable=False, size=None
                    ),
                ),
                (
                    "unanswered",
                    models.PositiveSmallIntegerField(default=0, editable=False, verbose_name="offers left unanswered"),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("waiting_since", models.DateTimeField(editable=False, null=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "appointment",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waitlist_entries",
                        to="booking.appointment",
                    ),
                ),
                (
                    "clinician",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="scheduling.clinician",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="scheduling.location",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="patients.patient",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waitlist_entries",
                        to="scheduling.service",
                    ),
                ),
            ],
            options={
                "verbose_name": "waiting list entry",
                "verbose_name_plural": "waiting list entries",
                "ordering": ["-priority", "waiting_since", "created_at"],
            },
        ),
        migrations.CreateModel(
            name="WaitlistOffer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email_id", models.CharField(editable=False, max_length=64)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("booked", "Booked"),
                            ("declined", "Declined"),
                            ("unanswered", "Unanswered"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("in_a_row", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="offers", to="booking.waitlistentry"
                    ),
                ),
                (
                    "hold",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="waitlist_offer", to="booking.hold"
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
            },
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(models.F("service"), condition=models.Q(("status", "waiting")), name="waitlist_waiting"),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                models.F("email_id"),
                condition=models.Q(("status__in", ["unconfirmed", "waiting"])),
                name="waitlist_email",
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                models.F("network"),
                models.F("created_at"),
                condition=models.Q(("network", ""), _negated=True),
                name="waitlist_network",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_day", None), ("last_day__gte", models.F("first_day")), _connector="OR"),
                name="waitlist_days_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.UniqueConstraint(
                models.F("appointment"),
                condition=models.Q(("appointment__isnull", False), ("status__in", ["unconfirmed", "waiting"])),
                name="waitlist_once_for_appointment",
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistoffer",
            index=models.Index(
                models.F("hold"), condition=models.Q(("in_a_row", True)), name="waitlist_offer_in_a_row"
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistoffer",
            constraint=models.UniqueConstraint(
                models.F("email_id"), condition=models.Q(("outcome", "open")), name="waitlist_offer_open"
            ),
        ),
    ]
