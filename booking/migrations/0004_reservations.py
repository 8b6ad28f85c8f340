from django.db import migrations, models

# Until now a reservation was any hold that ended with its start; now every hold ends there at the latest.
MARK_RESERVATIONS = """
    UPDATE booking_hold SET lifetime = '0' WHERE status = 'active' AND expires_at = starts_at
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0003_integration_indexes")]

    operations = [
        migrations.AlterField(
            model_name="hold",
            name="lifetime",
            field=models.DurationField(
                help_text="What an extension gives it: as its location was set when it was placed. "
                "A reservation's is nothing."
            ),
        ),
        migrations.RunSQL(MARK_RESERVATIONS, migrations.RunSQL.noop),
    ]
