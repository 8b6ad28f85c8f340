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
                blank=True, db_default="", default="", help_text="Which version of it they read.", max_length=40
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
    ]
