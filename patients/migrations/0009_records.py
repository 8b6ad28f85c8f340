import uuid

import django.utils.timezone
from django.db import migrations, models

import scheduling.lib.encrypted_field


class Migration(migrations.Migration):
    dependencies = [("patients", "0008_needs")]

    operations = [
        migrations.CreateModel(
            name="Merge",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kept_id", models.UUIDField(db_index=True)),
                ("duplicate_id", models.UUIDField(unique=True)),
                ("merged_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("memory", scheduling.lib.encrypted_field.EncryptedField()),
            ],
            options={"ordering": ["-merged_at"]},
        ),
        migrations.AddField(
            model_name="patient",
            name="archive_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("moved_away", "has moved away"),
                    ("other_clinic", "is seen elsewhere"),
                    ("deceased", "has died"),
                    ("asked", "has asked for it"),
                    ("by_mistake", "written down by mistake"),
                    ("other", "another reason"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=16,
                verbose_name="archived because",
            ),
        ),
    ]
