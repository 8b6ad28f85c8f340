from django.db import migrations, models

# Deferred: the slot is written before its appointment. For other slots nothing but the WHEN is evaluated.
CREATE = """
CREATE FUNCTION booking_double_needs_reason() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := to_jsonb(NEW)->>TG_ARGV[0];
BEGIN
    IF EXISTS (SELECT FROM scheduling_slot WHERE id = checked AND is_double)
       AND NOT EXISTS (SELECT FROM booking_appointment WHERE slot_id = checked AND override_reason <> '') THEN
        RAISE EXCEPTION 'A slot over another needs an appointment with the reason'
              USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_double_has_reason';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER booking_double_has_reason AFTER INSERT OR UPDATE ON scheduling_slot
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.is_double)
    EXECUTE FUNCTION booking_double_needs_reason('id');
"""
DROP = """
DROP TRIGGER booking_double_has_reason ON scheduling_slot;
DROP FUNCTION booking_double_needs_reason();
"""
KEEP = """
CREATE CONSTRAINT TRIGGER booking_double_keeps_reason AFTER UPDATE OF override_reason, slot_id ON booking_appointment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.override_reason = '' AND (OLD.override_reason <> '' OR OLD.slot_id IS DISTINCT FROM NEW.slot_id))
    EXECUTE FUNCTION booking_double_needs_reason('slot_id');

-- Whoever leaves such a slot takes it along: else another booking could have it, without a reason.
CREATE FUNCTION booking_double_is_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM scheduling_slot WHERE id = OLD.slot_id AND is_double)
       AND NOT EXISTS (SELECT FROM booking_appointment WHERE slot_id = OLD.slot_id AND override_reason <> '') THEN
        RAISE EXCEPTION 'A slot over another needs an appointment with the reason'
              USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_double_has_reason';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER booking_double_is_left AFTER UPDATE OF slot_id ON booking_appointment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.override_reason <> '' AND OLD.slot_id IS DISTINCT FROM NEW.slot_id)
    EXECUTE FUNCTION booking_double_is_left();
CREATE CONSTRAINT TRIGGER booking_double_is_deleted AFTER DELETE ON booking_appointment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.override_reason <> '')
    EXECUTE FUNCTION booking_double_is_left();
"""
KEEP_NO_MORE = """
DROP TRIGGER booking_double_is_deleted ON booking_appointment;
DROP TRIGGER booking_double_is_left ON booking_appointment;
DROP FUNCTION booking_double_is_left();
DROP TRIGGER booking_double_keeps_reason ON booking_appointment;
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0014_embedding"), ("scheduling", "0008_diary")]

    operations = [
        # The slots first, as bookings that go on lock the two tables in that order.
        migrations.RunSQL(CREATE, DROP),
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "ordering": ["starts_at"],
                "permissions": [
                    ("view_all_appointment", "Can view the appointments of every clinician"),
                    ("decide_appointment", "Can confirm and cancel appointments"),
                    ("mark_appointment", "Can mark appointments arrived, completed or no-show"),
                    ("override_appointment", "Can book and move appointments against the rules"),
                ],
            },
        ),
        migrations.AddField(
            model_name="appointment",
            name="arrived_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="arrived"),
        ),
        migrations.AddField(
            model_name="appointment",
            name="seen_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="with the clinician since"),
        ),
        migrations.AddField(
            model_name="appointment",
            name="override_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("urgent", "it is urgent"),
                    ("walk_in", "the patient is here"),
                    ("late", "it runs late"),
                    ("clinician_agreed", "the clinician agrees"),
                    ("patient_request", "the patient asked"),
                    ("other", "another reason"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=24,
            ),
        ),
        migrations.AddField(
            model_name="appointment",
            name="override_note",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=500),
        ),
        migrations.RunSQL(KEEP, KEEP_NO_MORE),
    ]
