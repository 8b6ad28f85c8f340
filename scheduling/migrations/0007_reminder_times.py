import datetime

import django.contrib.postgres.fields
from django.db import migrations, models

import scheduling.models.clinic
import scheduling.models.validators


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0006_translations"),
    ]

    operations = [
        migrations.AddField(
            model_name="service",
            name="email_reminders",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DurationField(
                    validators=[
                        scheduling.models.validators.WholeMinutes(
                            maximum=datetime.timedelta(days=28), minimum=datetime.timedelta(seconds=900)
                        )
                    ]
                ),
                blank=True,
                db_default=[datetime.timedelta(days=2), datetime.timedelta(seconds=7200)],
                default=scheduling.models.clinic.list_default_reminders,
                help_text="How long before the visit. What would come between 21:00 and 8:00 comes the evening before.",
                size=5,
                verbose_name="e-mail reminders",
            ),
        ),
        migrations.AddField(
            model_name="service",
            name="reminders_need_consent",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Whether patients are reminded only if they have ticked the box for it.",
                verbose_name="only for patients who ask for it",
            ),
        ),
        migrations.AddField(
            model_name="service",
            name="text_reminders",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DurationField(
                    validators=[
                        scheduling.models.validators.WholeMinutes(
                            maximum=datetime.timedelta(days=28), minimum=datetime.timedelta(seconds=900)
                        )
                    ]
                ),
                blank=True,
                db_default=[],
                default=list,
                help_text="The same by text message (SMS), to numbers that are proved or that staff or a program wrote down.",
                size=5,
                verbose_name="text message reminders",
            ),
        ),
    ]
