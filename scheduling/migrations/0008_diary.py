from django.db import migrations, models

# The exclusion constraint compares slots of one lane. What is not double must not overlap one of lane 1 either; those
# of lane 0 the constraint refuses. No lock is needed: of two that are written at once, the double one came second.
CREATE = """
CREATE FUNCTION scheduling_slot_refuse_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM scheduling_slot
                WHERE clinician_id = NEW.clinician_id AND lane = 1 AND period && NEW.period AND id <> NEW.id) THEN
        RAISE EXCEPTION 'Another slot of the clinician overlaps the period'
              USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'slot_no_overlap';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER scheduling_slot_no_overlap BEFORE INSERT OR UPDATE OF clinician_id, lane, period, is_double
    ON scheduling_slot FOR EACH ROW WHEN (NOT NEW.is_double) EXECUTE FUNCTION scheduling_slot_refuse_overlap();
"""
DROP = """
DROP TRIGGER scheduling_slot_no_overlap ON scheduling_slot;
DROP FUNCTION scheduling_slot_refuse_overlap();
"""

# Services that nobody has given a colour have all the same one; in the diary they are to be told apart.
COLOR = """
UPDATE scheduling_service
   SET color = (ARRAY['#2563eb', '#0f766e', '#b45309', '#7c3aed', '#b91c1c', '#0891b2', '#4d7c0f', '#be185d', '#475569',
                      '#a16207'])[1 + (place - 1) % 10]
  FROM (SELECT id, row_number() OVER (ORDER BY position, name, id) AS place
          FROM scheduling_service WHERE color = '#2563eb') AS same
 WHERE scheduling_service.id = same.id AND place > 1
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0007_reminder_times")]

    operations = [
        migrations.AddField(
            model_name="slot",
            name="is_double",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Whether staff have knowingly put it over another.",
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(("lane", 0), ("is_double", True), _connector="OR"), name="slot_lane_1_is_double"
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
        migrations.RunSQL(COLOR, migrations.RunSQL.noop),
    ]
