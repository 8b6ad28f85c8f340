import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import patients.text


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0016_diary"),
    ]

    operations = [
        migrations.CreateModel(
            name="StrandedPlan",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("offer", "offer other times"),
                            ("move", "move to another clinician"),
                            ("cancel", "cancel"),
                        ],
                        max_length=6,
                    ),
                ),
                ("actor", models.CharField(max_length=64)),
                ("by_email", models.BooleanField(default=True)),
                ("by_text", models.BooleanField(default=False)),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("patient_request", "the patient asked"),
                            ("patient_unwell", "the patient is unwell"),
                            ("clinician_unavailable", "the clinician is unavailable"),
                            ("clinic_closed", "the clinic is closed"),
                            ("booked_by_mistake", "booked by mistake"),
                            ("other", "another reason"),
                            ("unusual", "it looked made up"),
                            ("declined", "whoever had to confirm it declined"),
                            ("not_acknowledged", "nobody confirmed it in time"),
                        ],
                        default="",
                        max_length=24,
                    ),
                ),
                (
                    "message",
                    models.TextField(
                        blank=True, default="", max_length=2000, validators=[patients.text.validate_printable]
                    ),
                ),
                ("wish", models.JSONField(default=dict, help_text="Which openings were looked for.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="StrandedVisit",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("away", "the clinician is away"),
                            ("closed", "the location is closed"),
                            ("holiday", "it is a holiday there"),
                            ("hours", "outside the clinician’s hours"),
                            ("clinician", "the clinician is no longer offered"),
                            ("location", "the location is no longer offered"),
                            ("patient", "the patient is archived"),
                            ("zone", "it shows another local time"),
                        ],
                        max_length=9,
                    ),
                ),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accepted", "the patient took another time"),
                            ("moved", "moved"),
                            ("cancelled", "cancelled"),
                            ("kept", "stays as it is"),
                            ("gone", "its time is good again"),
                        ],
                        default="",
                        max_length=9,
                    ),
                ),
                ("settled_by", models.CharField(blank=True, default="", help_text="The actor.", max_length=64)),
                (
                    "reason",
                    models.CharField(blank=True, default="", help_text="Why it stays as it is.", max_length=500),
                ),
                (
                    "message",
                    models.TextField(blank=True, default="", help_text="What its patient is told.", max_length=2000),
                ),
                (
                    "appointment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stranded_visits",
                        to="booking.appointment",
                    ),
                ),
            ],
            options={
                "ordering": ["since"],
                "permissions": [
                    ("settle_strandedvisit", "Can say that a clinician is ill, and settle stranded visits")
                ],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="StrandedStep",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("openings", models.JSONField(default=list)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("planned", "to be done"), ("done", "done"), ("not_done", "not done")],
                        default="planned",
                        max_length=8,
                    ),
                ),
                (
                    "detail",
                    models.CharField(blank=True, default="", help_text="What was done, or why not.", max_length=300),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="booking.strandedplan"
                    ),
                ),
                (
                    "visit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="booking.strandedvisit"
                    ),
                ),
            ],
            options={
                "ordering": ["visit__appointment__starts_at", "pk"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="StrandedOffer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "hold",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="stranded_offer", to="booking.hold"
                    ),
                ),
                (
                    "visit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="offers", to="booking.strandedvisit"
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "pk"],
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="strandedvisit",
            constraint=models.UniqueConstraint(
                models.F("appointment"), condition=models.Q(("settled_at", None)), name="stranded_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="strandedvisit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", ""), ("settled_at", None)),
                    models.Q(("settled_at__isnull", False), models.Q(("outcome", ""), _negated=True)),
                    _connector="OR",
                ),
                name="stranded_settled_with_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="strandedstep",
            constraint=models.UniqueConstraint(models.F("plan"), models.F("visit"), name="stranded_step_once"),
        ),
    ]
