import django.db.models.deletion
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper


def drop_index(name, column):
    """Drop an index that another one begins with, without keeping bookings waiting."""
    return migrations.RunSQL(
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
        f"CREATE INDEX CONCURRENTLY {name} ON booking_appointment ({column})",
    )


# A tenth of ten million rows is months of bookings: until then the planner would know nothing of today's. The outbox
# changes every row three times in its first second, and what is dead there stands before what is due.
OFTEN = """
ALTER TABLE booking_event SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE booking_appointment SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE booking_hold SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE scheduling_slot SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE booking_outboxmessage SET (autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.01)
"""
AS_BEFORE = """
ALTER TABLE booking_event RESET (autovacuum_analyze_scale_factor, autovacuum_vacuum_insert_scale_factor);
ALTER TABLE booking_appointment RESET (autovacuum_analyze_scale_factor, autovacuum_vacuum_scale_factor);
ALTER TABLE booking_hold RESET (autovacuum_analyze_scale_factor, autovacuum_vacuum_scale_factor);
ALTER TABLE scheduling_slot RESET (autovacuum_analyze_scale_factor, autovacuum_vacuum_scale_factor);
ALTER TABLE booking_outboxmessage RESET (autovacuum_analyze_scale_factor, autovacuum_vacuum_scale_factor)
"""


class Migration(migrations.Migration):
    """Find a location's visits of a day by an index, and clean up what grows more often."""

    atomic = False

    dependencies = [("booking", "0022_figures"), ("scheduling", "0009_hours")]

    operations = [
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(models.F("location"), models.F("starts_at"), name="appointment_location_starts"),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=GinIndex(
                OpClass(Upper("attendee_name"), name="gin_trgm_ops"),
                condition=models.Q(("status__in", ["pending", "reserved", "confirmed", "in_progress"])),
                name="appointment_attendee_name",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                drop_index("booking_appointment_location_id_a434716b", "location_id"),
                drop_index("booking_appointment_clinician_id_4f32930b", "clinician_id"),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="appointment",
                    name=name,
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to=f"scheduling.{name}"
                    ),
                )
                for name in ("clinician", "location")
            ],
        ),
        migrations.RunSQL(OFTEN, AS_BEFORE),
    ]
