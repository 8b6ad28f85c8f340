from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0017_stranded"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "ordering": ["starts_at"],
                "permissions": [
                    ("view_all_appointment", "Can view the appointments of every clinician"),
                    ("decide_appointment", "Can confirm and cancel appointments"),
                    ("mark_appointment", "Can mark appointments arrived, completed or no-show"),
                    ("override_appointment", "Can book and move appointments against the rules"),
                    ("note_appointment", "Can write the notes and the video link of their own appointments"),
                    ("follow_up_appointment", "Can book another visit of their own patients with themselves"),
                ],
            },
        ),
        migrations.AddField(
            model_name="branding",
            name="approves_time_off",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Whether somebody approves the time off that clinicians enter, or it counts at once.",
                verbose_name="clinicians ask for time off",
            ),
        ),
    ]
