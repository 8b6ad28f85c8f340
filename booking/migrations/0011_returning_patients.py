import uuid

from django.db import migrations, models

import patients.text
import scheduling.lib.encrypted_field


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0010_waitlist"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactCode",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("token_hash", models.BinaryField(max_length=32, unique=True)),
                ("proof_hash", models.BinaryField(max_length=32, null=True, unique=True)),
                ("contact_hash", models.BinaryField(max_length=32)),
                (
                    "details",
                    scheduling.lib.encrypted_field.EncryptedField(
                        editable=False, help_text="The contact and the birth date that were typed."
                    ),
                ),
                ("network", models.CharField(editable=False, max_length=64)),
                ("tries", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(db_index=True, editable=False)),
                (
                    "sent_at",
                    models.DateTimeField(editable=False, help_text="Null where nobody has that contact.", null=True),
                ),
                ("proved_at", models.DateTimeField(editable=False, null=True)),
                ("expires_at", models.DateTimeField(editable=False, help_text="Of the code, and then of the proof.")),
            ],
        ),
        migrations.AddField(
            model_name="appointment",
            name="contact_name",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Who is written to.",
                max_length=201,
                validators=[patients.text.validate_name],
            ),
        ),
        migrations.AddField(
            model_name="appointment",
            name="relation",
            field=models.CharField(
                blank=True,
                choices=[
                    ("child", "child"),
                    ("parent", "parent"),
                    ("partner", "partner"),
                    ("other", "somebody else"),
                ],
                db_default="",
                default="",
                help_text="What who comes is to who is written to.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="appointment",
            name="said_new_is_known",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text=(
                    "Whether a visitor has booked it as somebody new who has been here before, by name and birth date."
                ),
                verbose_name="said new, is known",
            ),
        ),
    ]
