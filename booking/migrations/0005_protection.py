import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Written once. The owner's function, which the workers may call (`manage.py make_roles` lets them), takes what is older
# than a year: the trigger lets nobody take anything younger.
APPEND_ONLY = """
CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'DELETE' AND OLD.created_at < now() - interval '1 year' THEN RETURN OLD; END IF;
    RAISE EXCEPTION '{table} is append-only';
END $$;
CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION {table}_stays();
CREATE FUNCTION {table}_purge() RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM public.{table} WHERE created_at < now() - interval '1 year' RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION {table}_purge() FROM PUBLIC;
"""
CACHE = """
CREATE TABLE booking_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY, value text NOT NULL, expires timestamp with time zone NOT NULL
);
CREATE INDEX booking_cache_expires ON booking_cache (expires);
"""
MAY_GO = "DROP FUNCTION {table}_purge(); DROP FUNCTION {table}_stays() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0004_reservations"),
        ("patients", "0006_protection"),
        ("scheduling", "0003_calendars_and_hours"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(CACHE, reverse_sql="DROP TABLE booking_cache"),
        migrations.CreateModel(
            name="EmailAddress",
            fields=[
                ("address_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("confirmed_at", models.DateTimeField(editable=False, null=True)),
                ("sent_on", models.DateField(editable=False, null=True)),
                ("sent", models.PositiveSmallIntegerField(default=0, editable=False, verbose_name="sent that day")),
            ],
            options={
                "verbose_name_plural": "e-mail addresses",
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("patient_id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("erased_at", models.DateTimeField(editable=False)),
                ("actor", models.CharField(editable=False, max_length=64)),
            ],
            options={
                "ordering": ["-erased_at"],
            },
        ),
        migrations.CreateModel(
            name="LocationActivity",
            fields=[
                (
                    "location",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="activity",
                        serialize=False,
                        to="scheduling.location",
                    ),
                ),
                ("bookings_per_day", models.PositiveIntegerField(editable=False)),
                ("counted_at", models.DateTimeField(editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="PatientAccess",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("view", "View"),
                            ("search", "Search"),
                            ("export", "Export"),
                            ("api_read", "read over the API"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor", models.CharField(max_length=64)),
                ("patient_ids", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("page", models.CharField(help_text="The route, not the address.", max_length=100)),
                ("address", models.GenericIPAddressField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "patient accesses",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SignInEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("signed_in", "signed in"),
                            ("failed", "failed"),
                            ("delayed", "refused, too soon after failures"),
                            ("signed_out", "signed out"),
                            ("reset_requested", "password reset asked for"),
                            ("password_changed", "password changed"),
                            ("second_factor_changed", "second factor changed"),
                            ("rights_changed", "rights changed"),
                        ],
                        max_length=24,
                    ),
                ),
                ("account", models.CharField(blank=True, max_length=64)),
                ("network", models.CharField(blank=True, max_length=64)),
                ("address", models.GenericIPAddressField(null=True)),
                ("data", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "sign-in event",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SolvedChallenge",
            fields=[
                ("challenge_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField(db_index=True, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="OldRecord",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("patients.patient",),
        ),
        migrations.CreateModel(
            name="UnusualBooking",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("booking.appointment",),
        ),
        migrations.AlterField(
            model_name="appointment",
            name="cancellation_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("patient_request", "the patient asked"),
                    ("patient_unwell", "the patient is unwell"),
                    ("clinician_unavailable", "the clinician is unavailable"),
                    ("clinic_closed", "the clinic is closed"),
                    ("booked_by_mistake", "booked by mistake"),
                    ("other", "another reason"),
                    ("unusual", "it looked made up"),
                    ("declined", "whoever had to confirm it declined"),
                    ("not_acknowledged", "nobody confirmed it in time"),
                ],
                editable=False,
                max_length=24,
            ),
        ),
        migrations.AddField(
            model_name="appointment",
            name="link_version",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, editable=False, help_text="Links of earlier versions are revoked."
            ),
        ),
        migrations.AddField(
            model_name="appointment",
            name="verification",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "not needed"),
                    ("waived", "booked online, not verified"),
                    ("required", "waits for the link in its e-mail"),
                    ("required_quietly", "waits for the link in its e-mail, without saying so"),
                    ("verified", "verified by e-mail"),
                    ("checked", "identity checked by staff"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="must_verify",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Whether what comes of it waits until its e-mail address is verified.",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="network_48",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="hold",
            name="network_56",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="hold",
            name="page",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Which site it was placed on.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="verified_email",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The pseudonym of the address that the visitor has verified before, if any.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="idempotentanswer",
            name="about",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(), db_default=[], default=list, size=None
            ),
        ),
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
        migrations.AlterField(
            model_name="hold",
            name="network",
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.AddIndex(
            model_name="patientaccess",
            index=django.contrib.postgres.indexes.BrinIndex(
                models.F("created_at"), autosummarize=True, name="patient_access_created"
            ),
        ),
        migrations.AddIndex(
            model_name="patientaccess",
            index=django.contrib.postgres.indexes.GinIndex(models.F("patient_ids"), name="patient_access_patients"),
        ),
        migrations.AddField(
            model_name="signinevent",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="signinevent",
            index=models.Index(models.F("account"), models.F("created_at"), name="sign_in_account"),
        ),
        migrations.AddIndex(
            model_name="signinevent",
            index=models.Index(models.F("network"), models.F("created_at"), name="sign_in_network"),
        ),
        migrations.AddIndex(
            model_name="signinevent",
            index=django.contrib.postgres.indexes.BrinIndex(
                models.F("created_at"), autosummarize=True, name="sign_in_created"
            ),
        ),
        # The release before writes and reads the column until it stops; nothing else does.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE booking_hold ALTER COLUMN visitor SET DEFAULT ''",
                    reverse_sql="ALTER TABLE booking_hold ALTER COLUMN visitor DROP DEFAULT",
                )
            ],
            state_operations=[
                migrations.RemoveIndex(model_name="hold", name="hold_active_visitor"),
                migrations.RemoveField(model_name="hold", name="visitor"),
            ],
        ),
        *[
            migrations.RunSQL(APPEND_ONLY.format(table=table), reverse_sql=MAY_GO.format(table=table))
            for table in ("booking_patientaccess", "booking_signinevent")
        ],
    ]
