import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Index what is there already while bookings go on: an index that is built in a transaction locks its table."""

    atomic = False

    dependencies = [("booking", "0002_integrations")]

    operations = [
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(models.F("updated_at"), models.F("id"), name="appointment_updated"),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                models.F("external_id"),
                condition=models.Q(("external_id", ""), _negated=True),
                name="appointment_external_id",
            ),
        ),
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(models.F("transaction_id"), models.F("id"), name="event_feed"),
        ),
        AddIndexConcurrently(
            model_name="event",
            index=django.contrib.postgres.indexes.BrinIndex(
                models.F("created_at"), autosummarize=True, name="event_created"
            ),
        ),
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(
                models.F("location_id"), models.F("transaction_id"), models.F("id"), name="event_of_location"
            ),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(models.F("updated_at"), models.F("id"), name="order_updated"),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(models.F("created_at"), models.F("id"), name="appointment_created"),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                django.db.models.functions.text.Upper("attendee_email"), name="appointment_attendee_email"
            ),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(models.F("created_at"), models.F("id"), name="order_created"),
        ),
    ]
