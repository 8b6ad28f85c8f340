import django.db.models.deletion
from django.db import migrations, models

import scheduling.lib.encrypted_field


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0007_contacts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Needs",
            fields=[
                (
                    "patient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="needs",
                        serialize=False,
                        to="patients.patient",
                    ),
                ),
                (
                    "accessibility",
                    scheduling.lib.encrypted_field.EncryptedField(
                        blank=True, help_text="One on each line.", verbose_name="accessibility needs"
                    ),
                ),
                (
                    "interpreter",
                    scheduling.lib.encrypted_field.EncryptedField(
                        blank=True, help_text="The language, if one is needed.", verbose_name="interpreter for"
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "needs",
            },
        ),
    ]
