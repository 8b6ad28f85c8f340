import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0008_diary"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="clinician",
            name="time_off_approval",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "as the clinic's settings say"),
                    ("asked", "somebody approves it"),
                    ("at_once", "it counts at once"),
                ],
                db_default="",
                default="",
                help_text="What happens to time off that they enter themselves.",
                max_length=7,
                verbose_name="own time off",
            ),
        ),
        migrations.CreateModel(
            name="TimeOffRequest",
            fields=[
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now()),
                ),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="to")),
                ("reason", models.CharField(blank=True, help_text="For staff only.", max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("approved", "approved"),
                            ("declined", "declined"),
                            ("withdrawn", "taken back"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(editable=False, null=True)),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="What the clinician is told with the answer.", max_length=200
                    ),
                ),
                ("answer_seen_at", models.DateTimeField(editable=False, null=True)),
                (
                    "clinician",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="time_off_requests",
                        to="scheduling.clinician",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "time_off",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="request",
                        to="scheduling.timeoff",
                    ),
                ),
            ],
            options={
                "verbose_name": "time off asked for",
                "verbose_name_plural": "time off asked for",
                "ordering": ["-starts_at"],
                "indexes": [
                    models.Index(
                        models.F("created_at"),
                        condition=models.Q(("status", "waiting")),
                        name="time_off_request_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="time_off_request_end_after_start",
                        violation_error_message="The end must be after the start.",
                    )
                ],
            },
        ),
    ]
