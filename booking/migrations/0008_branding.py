import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0007_reminders"),
        ("scheduling", "0005_people_and_places"),
    ]

    operations = [
        migrations.CreateModel(
            name="Branding",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "clinic_name",
                    models.CharField(
                        blank=True,
                        help_text="As patients see it. Without one: the setting CLINIC_NAME.",
                        max_length=100,
                    ),
                ),
                (
                    "description",
                    models.CharField(
                        blank=True,
                        help_text="A sentence for search engines, and for those who are sent a link.",
                        max_length=160,
                    ),
                ),
                (
                    "accent",
                    models.CharField(
                        default="#0b6b57",
                        help_text="Of buttons and links. Dark pages have a lighter shade of it.",
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator("^#[0-9a-fA-F]{6}\\Z", "Write a colour as #rrggbb.")
                        ],
                        verbose_name="colour",
                    ),
                ),
                (
                    "sender_name",
                    models.CharField(
                        blank=True,
                        help_text="Who patients' e-mails are from. Without one: as DEFAULT_FROM_EMAIL says.",
                        max_length=70,
                    ),
                ),
                (
                    "phone",
                    models.CharField(
                        blank=True, help_text="The number to call when a page cannot help.", max_length=32
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "logo",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="scheduling.image",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "branding",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="branding_one_row")],
            },
        ),
        migrations.AddField(
            model_name="appointment",
            name="patient_timezone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Of a video call: the one that was on the patient's device, if it is not the location's.",
                max_length=64,
                verbose_name="patient's time zone",
            ),
        ),
    ]
