from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Index what is there already while bookings go on."""

    atomic = False

    dependencies = [("booking", "0005_protection")]

    operations = [
        AddIndexConcurrently(
            model_name="hold",
            index=models.Index(
                models.F("network"),
                models.F("created_at"),
                condition=models.Q(("network", ""), _negated=True),
                name="hold_network_created",
            ),
        ),
        AddIndexConcurrently(
            model_name="hold",
            index=models.Index(
                models.F("network_56"),
                models.F("created_at"),
                condition=models.Q(("network_56", ""), _negated=True),
                name="hold_network_56_created",
            ),
        ),
        AddIndexConcurrently(
            model_name="hold",
            index=models.Index(
                models.F("network_48"),
                models.F("created_at"),
                condition=models.Q(("network_48", ""), _negated=True),
                name="hold_network_48_created",
            ),
        ),
        AddIndexConcurrently(
            model_name="hold",
            index=models.Index(
                models.F("location"),
                models.F("created_at"),
                condition=models.Q(("network", ""), _negated=True),
                name="hold_location_created",
            ),
        ),
        AddIndexConcurrently(
            model_name="hold",
            index=models.Index(
                models.F("verified_email"),
                condition=models.Q(("verified_email", ""), _negated=True),
                name="hold_verified_email",
            ),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                models.F("attendee_phone"),
                condition=models.Q(("attendee_phone", ""), _negated=True),
                name="appointment_attendee_phone",
            ),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                models.F("updated_at"),
                condition=models.Q(
                    ("cancellation_reason__in", ["not_acknowledged", "unusual"]),
                    models.Q(("attendee_name", ""), _negated=True),
                ),
                name="appointment_lapsed",
            ),
        ),
        # The release before counts by it; it finds the same by hold_network_created.
        RemoveIndexConcurrently(model_name="hold", name="hold_active_network"),
    ]
