import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Index what staff have done while bookings go on."""

    atomic = False

    dependencies = [("booking", "0019_visibility")]

    operations = [
        migrations.AlterField(
            model_name="webhookendpoint",
            name="events",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("hold.placed", "hold.placed"),
                        ("hold.extended", "hold.extended"),
                        ("hold.moved", "hold.moved"),
                        ("hold.released", "hold.released"),
                        ("hold.expired", "hold.expired"),
                        ("appointment.created", "appointment.created"),
                        ("appointment.updated", "appointment.updated"),
                        ("appointment.rescheduled", "appointment.rescheduled"),
                        ("appointment.cancelled", "appointment.cancelled"),
                        ("appointment.completed", "appointment.completed"),
                        ("appointment.no_show", "appointment.no_show"),
                        ("order.created", "order.created"),
                        ("order.updated", "order.updated"),
                        ("order.cancelled", "order.cancelled"),
                        ("patient.created", "patient.created"),
                        ("patient.updated", "patient.updated"),
                        ("patient.archived", "patient.archived"),
                        ("patient.restored", "patient.restored"),
                        ("patient.merged", "patient.merged"),
                        ("patient.unmerged", "patient.unmerged"),
                        ("patient.erased", "patient.erased"),
                        ("patient.restricted", "patient.restricted"),
                    ],
                    max_length=40,
                ),
                blank=True,
                default=list,
                help_text="None: all, new kinds too.",
                size=None,
            ),
        ),
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(
                models.F("actor"),
                models.F("id"),
                condition=models.Q(("actor__startswith", "staff:")),
                name="event_of_staff",
            ),
        ),
    ]
