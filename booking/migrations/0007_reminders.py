import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0006_protection_indexes"),
        ("scheduling", "0007_reminder_times"),
        ("patients", "0008_needs"),
    ]

    operations = [
        migrations.CreateModel(
            name="PhoneNumber",
            fields=[
                ("number_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("confirmed_at", models.DateTimeField(editable=False, null=True)),
                ("sent_on", models.DateField(editable=False, null=True)),
                (
                    "sent",
                    models.PositiveSmallIntegerField(
                        db_default=0, default=0, editable=False, verbose_name="sent that day"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="appointment",
            name="attendance_confirmed_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When they said so.",
                null=True,
                verbose_name="patient says they are coming",
            ),
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("channel", models.CharField(choices=[("email", "e-mail"), ("sms", "text message")], max_length=5)),
                ("due_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "is to be sent"),
                            ("queued", "is being sent"),
                            ("sent", "sent"),
                            ("skipped", "not sent"),
                        ],
                        db_default="waiting",
                        default="waiting",
                        max_length=7,
                    ),
                ),
                (
                    "skip_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("not_confirmed", "the visit is not confirmed"),
                            ("too_late", "it would have come too late"),
                            ("no_consent", "the patient has not asked for reminders"),
                            ("no_contact", "there is no address or number to send it to"),
                            ("unverified", "nobody has proved that the number is theirs"),
                            ("limit", "the address or number has had too many messages that day"),
                            ("impossible", "no text can be sent to that number"),
                        ],
                        db_default="",
                        default="",
                        max_length=13,
                    ),
                ),
                ("settled_at", models.DateTimeField(help_text="When it was sent, or skipped.", null=True)),
                ("link_hash", models.BinaryField(max_length=32, null=True, unique=True)),
                (
                    "appointment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        db_index=False,
                        related_name="reminders",
                        to="booking.appointment",
                    ),
                ),
            ],
            options={
                "ordering": ["due_at", "channel"],
                "indexes": [
                    models.Index(models.F("due_at"), condition=models.Q(("status", "waiting")), name="reminder_due")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("appointment"), models.F("channel"), models.F("due_at"), name="reminder_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TextMessage",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("reminder", "reminder"),
                            ("code", "code"),
                            ("offer", "offer of a free time"),
                            ("test", "test"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "waits to be sent"),
                            ("sent", "handed to the gateway"),
                            ("delivered", "delivered"),
                            ("failed", "not delivered"),
                        ],
                        db_default="queued",
                        default="queued",
                        max_length=9,
                    ),
                ),
                ("gateway_id", models.CharField(blank=True, db_default="", default="", max_length=100)),
                (
                    "error",
                    models.CharField(
                        blank=True, db_default="", default="", help_text="The gateway's code.", max_length=100
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "appointment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="text_messages",
                        to="booking.appointment",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
                "indexes": [models.Index(models.F("created_at"), name="text_message_created")],
            },
        ),
    ]
