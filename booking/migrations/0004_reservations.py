import django.contrib.postgres.fields
from django.db import migrations, models

# Until now a reservation was any hold that ended with its start; now every hold ends there at the latest.
MARK_RESERVATIONS = """
    UPDATE booking_hold SET lifetime = '0' WHERE status = 'active' AND expires_at = starts_at
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0003_integration_indexes")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read_appointment_types", "read services, clinicians and locations"),
                        ("read_availability", "read availability"),
                        ("write_holds", "place and confirm holds of its own"),
                        ("read_patients", "search and read patients"),
                        ("write_patients", "create and change patients"),
                        ("read_appointments", "list and read appointments"),
                        ("write_appointments", "book, reschedule, cancel and mark appointments"),
                        ("write_orders", "create, read and book orders"),
                        ("write_locations", "change how long holds live at a location"),
                        ("write_catalogue", "keep external ids and metadata with services, clinicians and locations"),
                        ("read_schedule", "read working hours and time off"),
                        ("write_schedule", "change working hours and time off, and read why somebody is away"),
                        ("manage_webhooks", "manage webhook endpoints and their deliveries"),
                    ],
                    max_length=32,
                ),
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="hold",
            name="lifetime",
            field=models.DurationField(
                help_text="What an extension gives it: as its location was set when it was placed. "
                "A reservation's is nothing."
            ),
        ),
        migrations.AddField(
            model_name="patientdraft",
            name="phone_extension",
            field=models.CharField(blank=True, db_default="", default="", max_length=15),
        ),
        migrations.RunSQL(MARK_RESERVATIONS, migrations.RunSQL.noop),
    ]
