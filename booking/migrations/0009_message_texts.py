import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import patients.text


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0008_branding"),
    ]

    operations = [
        migrations.CreateModel(
            name="MessageText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="message")),
                ("language", models.CharField(max_length=10)),
                (
                    "subject",
                    models.CharField(blank=True, max_length=150, validators=[patients.text.validate_printable]),
                ),
                (
                    "opening",
                    models.TextField(blank=True, max_length=2000, validators=[patients.text.validate_printable]),
                ),
                (
                    "closing",
                    models.TextField(blank=True, max_length=2000, validators=[patients.text.validate_printable]),
                ),
                (
                    "sign_off",
                    models.TextField(blank=True, max_length=300, validators=[patients.text.validate_printable]),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["kind", "language"],
                "constraints": [
                    models.UniqueConstraint(models.F("kind"), models.F("language"), name="message_text_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="UndeliverableMail",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(editable=False, max_length=40, verbose_name="message")),
                (
                    "source",
                    models.CharField(
                        choices=[("refused", "refused when it was sent"), ("returned", "sent back later")],
                        editable=False,
                        max_length=8,
                    ),
                ),
                (
                    "status_code",
                    models.CharField(
                        editable=False,
                        help_text="The mail server's: RFC 3463.",
                        max_length=16,
                        verbose_name="code",
                    ),
                ),
                ("happened_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("settled_at", models.DateTimeField(editable=False, null=True)),
                (
                    "appointment",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undeliverable_mails",
                        to="booking.appointment",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undeliverable_mails",
                        to="booking.order",
                    ),
                ),
            ],
            options={
                "verbose_name": "undeliverable e-mail",
                "ordering": ["-happened_at"],
            },
        ),
    ]
