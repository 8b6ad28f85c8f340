from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0012_questions"),
    ]

    operations = [
        migrations.AddField(
            model_name="appointment",
            name="language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="What its attendee is written to in; empty: the clinic's own.",
                max_length=10,
            ),
        ),
    ]
