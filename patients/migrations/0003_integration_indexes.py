from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Index what is there already while bookings go on: an index that is built in a transaction locks its table."""

    atomic = False

    dependencies = [("patients", "0002_integrations")]

    operations = [
        AddIndexConcurrently(
            model_name="patient",
            index=models.Index(models.F("updated_at"), models.F("id"), name="patient_updated"),
        ),
        AddIndexConcurrently(
            model_name="patient",
            index=models.Index(models.F("created_at"), models.F("id"), name="patient_created"),
        ),
    ]
