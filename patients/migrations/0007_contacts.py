from django.db import migrations, models

import patients.text


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0006_protection"),
    ]

    operations = [
        migrations.AddField(
            model_name="patient",
            name="contact_name",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Who reads the e-mail and answers the phone, if that is not the patient.",
                max_length=201,
                validators=[patients.text.validate_name],
            ),
        ),
        migrations.AddField(
            model_name="patient",
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
                help_text="What the patient is to the contact.",
                max_length=8,
            ),
        ),
    ]
