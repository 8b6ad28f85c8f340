from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Let managers see figures, and find what they are made of by indexes that are built while bookings go on."""

    atomic = False

    dependencies = [("booking", "0021_imports")]

    operations = [
        migrations.CreateModel(
            name="Figures",
            fields=[],
            options={
                "verbose_name": "figures",
                "verbose_name_plural": "figures",
                "permissions": [
                    ("view_figures", "Can view the clinic's figures"),
                    ("export_lists", "Can export lists as CSV or XLSX"),
                ],
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("booking.appointment",),
        ),
        AddIndexConcurrently(
            model_name="hold",
            index=BrinIndex(models.F("created_at"), autosummarize=True, name="hold_created"),
        ),
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(
                models.F("subject_id"),
                models.F("created_at"),
                condition=models.Q(("kind", "appointment.cancelled")),
                name="event_cancelled",
            ),
        ),
    ]
