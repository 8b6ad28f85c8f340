import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("booking", "0020_records")]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("patients", "Patients"),
                            ("services", "Services"),
                            ("clinicians", "Clinicians"),
                            ("appointments", "coming appointments"),
                        ],
                        max_length=12,
                        verbose_name="what it has",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("checking", "being checked"),
                            ("checked", "checked"),
                            ("importing", "being imported"),
                            ("done", "imported"),
                        ],
                        default="checking",
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "is_announced",
                    models.BooleanField(
                        default=False,
                        help_text="Mail each patient their visit, and tell approvers, webhooks and calendars of everything new.",
                        verbose_name="tell patients and other systems",
                    ),
                ),
                ("file", models.BinaryField(null=True)),
                ("unknown_columns", models.JSONField(default=list, editable=False)),
                ("row_count", models.PositiveIntegerField(editable=False, verbose_name="rows")),
                (
                    "position",
                    models.PositiveIntegerField(default=0, editable=False, help_text="How many rows are behind."),
                ),
                ("created_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="new")),
                ("known_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="here already")),
                ("refused_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="not imported")),
                ("actor", models.CharField(editable=False, max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "default_permissions": ("add", "view"),
            },
        ),
        migrations.CreateModel(
            name="ImportProblem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.PositiveIntegerField()),
                ("column", models.CharField(blank=True, max_length=40)),
                ("sentence", models.CharField(max_length=300)),
                (
                    "of_import",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="problems", to="booking.import"
                    ),
                ),
            ],
            options={
                "ordering": ["line"],
                "default_permissions": (),
            },
        ),
    ]
