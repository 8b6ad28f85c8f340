import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import booking.models.questions
import patients.text

# What was asked stays as it was asked, and what was answered as it was answered: that may go with its patient.
APPEND_ONLY = """
CREATE FUNCTION booking_answers_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER booking_questionversion_stays BEFORE UPDATE OR DELETE ON booking_questionversion
FOR EACH ROW EXECUTE FUNCTION booking_answers_stay();
CREATE TRIGGER booking_answersheet_unchanged BEFORE UPDATE ON booking_answersheet
FOR EACH ROW EXECUTE FUNCTION booking_answers_stay();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0011_returning_patients"),
        ("patients", "0008_needs"),
        ("scheduling", "0003_calendars_and_hours"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnswerSheet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("answers", models.BinaryField()),
                ("actor", models.CharField(editable=False, max_length=64)),
                ("given_at", models.DateTimeField(editable=False)),
                (
                    "appointment",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="answer_sheets",
                        to="booking.appointment",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "a line of text"),
                            ("long_text", "several lines of text"),
                            ("choice", "one of several answers"),
                            ("choices", "any of several answers"),
                            ("yes_no", "yes or no"),
                            ("date", "a date"),
                            ("number", "a number"),
                            ("consent", "agreement"),
                            ("accessibility", "standard: accessibility needs"),
                            ("interpreter", "standard: language of an interpreter"),
                        ],
                        default="text",
                        max_length=16,
                    ),
                ),
                (
                    "text",
                    models.CharField(
                        blank=True,
                        max_length=300,
                        validators=[patients.text.validate_printable],
                        verbose_name="question",
                    ),
                ),
                (
                    "help_text",
                    models.CharField(
                        blank=True,
                        help_text="Shown below the question.",
                        max_length=500,
                        validators=[patients.text.validate_printable],
                    ),
                ),
                (
                    "options",
                    models.TextField(
                        blank=True,
                        help_text="One on each line.",
                        validators=[
                            patients.text.validate_printable,
                            booking.models.questions.validate_options,
                        ],
                        verbose_name="answers to choose from",
                    ),
                ),
                ("is_required", models.BooleanField(default=False, verbose_name="required")),
                ("translations", models.JSONField(db_default={}, default=dict, editable=False)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "position",
                    models.PositiveSmallIntegerField(default=0, help_text="Questions are asked in this order."),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="Whether it is asked. It is never deleted.", verbose_name="asked"
                    ),
                ),
                ("version", models.PositiveSmallIntegerField(default=1, editable=False)),
                (
                    "depends_on_answers",
                    models.TextField(
                        blank=True,
                        help_text="One or more of its answers, one on each line; yes or no for a question of that kind.",
                        validators=[
                            patients.text.validate_printable,
                            booking.models.questions.validate_options,
                        ],
                        verbose_name="if the answer is",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "depends_on",
                    models.ForeignKey(
                        blank=True,
                        help_text="An earlier question. Empty: it is always shown.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dependents",
                        to="booking.question",
                        verbose_name="shown only after",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: it is asked for every service.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="questions",
                        to="scheduling.service",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "created_at"],
            },
        ),
        migrations.CreateModel(
            name="QuestionVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "a line of text"),
                            ("long_text", "several lines of text"),
                            ("choice", "one of several answers"),
                            ("choices", "any of several answers"),
                            ("yes_no", "yes or no"),
                            ("date", "a date"),
                            ("number", "a number"),
                            ("consent", "agreement"),
                            ("accessibility", "standard: accessibility needs"),
                            ("interpreter", "standard: language of an interpreter"),
                        ],
                        default="text",
                        max_length=16,
                    ),
                ),
                (
                    "text",
                    models.CharField(
                        blank=True,
                        max_length=300,
                        validators=[patients.text.validate_printable],
                        verbose_name="question",
                    ),
                ),
                (
                    "help_text",
                    models.CharField(
                        blank=True,
                        help_text="Shown below the question.",
                        max_length=500,
                        validators=[patients.text.validate_printable],
                    ),
                ),
                (
                    "options",
                    models.TextField(
                        blank=True,
                        help_text="One on each line.",
                        validators=[
                            patients.text.validate_printable,
                            booking.models.questions.validate_options,
                        ],
                        verbose_name="answers to choose from",
                    ),
                ),
                ("is_required", models.BooleanField(default=False, verbose_name="required")),
                ("translations", models.JSONField(db_default={}, default=dict, editable=False)),
                ("number", models.PositiveSmallIntegerField(editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "question",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="booking.question",
                    ),
                ),
            ],
            options={
                "ordering": ["question", "number"],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("service__isnull", True),
                    models.Q(("kind__in", ["accessibility", "interpreter"]), _negated=True),
                    _connector="OR",
                ),
                name="question_standard_for_every_service",
                violation_error_message="A standard question is asked for every service: leave the service empty.",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.UniqueConstraint(
                models.F("kind"),
                condition=models.Q(("kind__in", ["accessibility", "interpreter"])),
                name="question_standard_once",
                violation_error_message="There is this standard question already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="questionversion",
            constraint=models.UniqueConstraint(models.F("question"), models.F("number"), name="question_version_once"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read_appointment_types", "read services, clinicians and locations"),
                        ("read_availability", "read availability"),
                        ("write_holds", "place and confirm holds of its own"),
                        ("read_patients", "search and read patients"),
                        ("write_patients", "create and change patients"),
                        ("read_appointments", "list and read appointments"),
                        ("write_appointments", "book, reschedule, cancel and mark appointments"),
                        ("read_answers", "read what patients have answered before their visits"),
                        ("write_orders", "create, read and book orders"),
                        ("write_locations", "change how long holds live at a location"),
                        ("write_catalogue", "keep external ids and metadata with services, clinicians and locations"),
                        ("read_schedule", "read working hours and time off"),
                        ("write_schedule", "change working hours and time off, and read why somebody is away"),
                        ("manage_webhooks", "manage webhook endpoints and their deliveries"),
                    ],
                    max_length=32,
                ),
                size=None,
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, reverse_sql="DROP FUNCTION booking_answers_stay() CASCADE"),
    ]
