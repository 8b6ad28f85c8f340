from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0005_refold_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="consent",
            name="version",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Which version of it they were shown.", max_length=40
            ),
        ),
        migrations.AlterField(
            model_name="consent",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("privacy_notice", "was shown the privacy notice"),
                    ("reminders", "reminders by e-mail or text message"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="erased_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="patient",
            name="restricted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="patient",
            name="restriction_reason",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=500),
        ),
        migrations.AlterModelOptions(
            name="patient",
            options={
                "ordering": ["last_name", "first_name"],
                "permissions": [
                    ("export_patient", "Can export all that is kept of a patient"),
                    ("erase_patient", "Can erase or restrict patients, and end a restriction"),
                    ("view_restricted_patient", "Can see the records of restricted patients"),
                ],
            },
        ),
    ]
