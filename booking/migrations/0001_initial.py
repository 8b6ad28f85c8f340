import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import booking.models
import patients.fields
import patients.text

# The log of events is append-only for everyone, whatever code writes to it.
EVENTS_STAY = """
CREATE FUNCTION booking_event_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'booking_event is append-only'; END $$;
CREATE TRIGGER booking_event_stays BEFORE UPDATE OR DELETE ON booking_event
FOR EACH ROW EXECUTE FUNCTION booking_event_stays();
"""
EVENTS_MAY_GO = "DROP FUNCTION booking_event_stays() CASCADE;"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("patients", "0001_initial"),
        ("scheduling", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("holder", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("name", models.CharField(max_length=100, validators=[patients.text.validate_printable])),
                (
                    "kind",
                    models.CharField(
                        choices=[("secret", "secret, for servers"), ("publishable", "publishable, for browsers")],
                        max_length=12,
                    ),
                ),
                (
                    "start",
                    models.CharField(editable=False, help_text="Its first characters, to tell it by.", max_length=12),
                ),
                ("key_hash", models.BinaryField(max_length=32, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("read_appointment_types", "read services, clinicians and locations"),
                                ("read_availability", "read availability"),
                                ("write_holds", "place and confirm holds of its own"),
                                ("read_patients", "search and read patients"),
                                ("write_patients", "create and change patients"),
                                ("read_appointments", "list and read appointments"),
                                ("write_appointments", "book, reschedule, cancel and mark appointments"),
                            ],
                            max_length=32,
                        ),
                        size=None,
                    ),
                ),
                (
                    "allowed_origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200, validators=[booking.models.validate_origin]),
                        blank=True,
                        default=list,
                        help_text="The sites whose pages may use it, such as https://www.clinic.example.",
                        size=None,
                    ),
                ),
                (
                    "requests_per_minute",
                    models.PositiveIntegerField(default=600, validators=[django.core.validators.MinValueValidator(1)]),
                ),
                ("most_live_holds", models.PositiveIntegerField(blank=True, help_text="Empty: any number.", null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["-created_at"],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["allowed_origins"], name="api_key_origins")
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("booking_id", models.UUIDField()),
                ("sequence", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                ("by", models.CharField(max_length=64)),
                ("from_status", models.CharField(blank=True, max_length=12)),
                ("to_status", models.CharField(blank=True, max_length=12)),
                ("data", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(models.F("booking_id"), models.F("sequence"), name="event_sequence")
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotentAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("api_key_holder", models.UUIDField()),
                ("route", models.CharField(max_length=300)),
                ("idempotency_key", models.CharField(max_length=255)),
                ("request_hash", models.BinaryField(max_length=32)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("body", models.BinaryField(default=bytes)),
                ("headers", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(models.F("created_at"), name="idempotent_answer_created")],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("api_key_holder"),
                        models.F("route"),
                        models.F("idempotency_key"),
                        name="idempotent_answer_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OutboxMessage",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("payload", models.JSONField(default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(
                        models.F("due_at"),
                        condition=models.Q(("status__in", ["waiting", "queued", "running"])),
                        name="outbox_open_due",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Appointment",
            fields=[
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("is_remote", models.BooleanField(default=False, verbose_name="by video")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("reference", models.CharField(editable=False, max_length=11)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("reserved", "Reserved"),
                            ("confirmed", "Confirmed"),
                            ("in_progress", "in progress"),
                            ("completed", "Completed"),
                            ("cancelled", "Cancelled"),
                            ("no_show", "no-show"),
                        ],
                        max_length=12,
                    ),
                ),
                ("attendee_name", models.CharField(max_length=201, validators=[patients.text.validate_printable])),
                ("attendee_email", patients.fields.EmailField(max_length=254, verbose_name="attendee e-mail")),
                (
                    "attendee_phone",
                    models.CharField(blank=True, max_length=32, validators=[patients.text.validate_printable]),
                ),
                (
                    "notes",
                    models.TextField(blank=True, max_length=2000, validators=[patients.text.validate_printable_lines]),
                ),
                ("meeting_url", models.URLField(blank=True, verbose_name="video link")),
                ("price", models.DecimalField(decimal_places=2, max_digits=8)),
                ("currency", models.CharField(max_length=3)),
                (
                    "cancellation_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("patient_request", "the patient asked"),
                            ("patient_unwell", "the patient is unwell"),
                            ("clinician_unavailable", "the clinician is unavailable"),
                            ("clinic_closed", "the clinic is closed"),
                            ("booked_by_mistake", "booked by mistake"),
                            ("other", "another reason"),
                        ],
                        editable=False,
                        max_length=24,
                    ),
                ),
                ("cancellation_note", models.CharField(blank=True, editable=False, max_length=500)),
                (
                    "clinician",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.clinician"),
                ),
                ("location", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.location")),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="appointments", to="patients.patient"
                    ),
                ),
                ("service", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.service")),
                (
                    "slot",
                    models.OneToOneField(
                        editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to="scheduling.slot"
                    ),
                ),
            ],
            options={
                "ordering": ["starts_at"],
                "permissions": [
                    ("view_all_appointment", "Can view the appointments of every clinician"),
                    ("decide_appointment", "Can confirm and cancel appointments"),
                    ("mark_appointment", "Can mark appointments arrived, completed or no-show"),
                ],
                "indexes": [
                    models.Index(models.F("starts_at"), name="appointment_starts_at"),
                    models.Index(models.F("clinician"), models.F("starts_at"), name="appointment_clinician_starts"),
                ],
                "constraints": [
                    models.UniqueConstraint(models.F("reference"), name="appointment_reference"),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="appointment_end_after_start"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slot__isnull", False), ("status", "cancelled"), _connector="OR"),
                        name="appointment_has_slot",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("is_remote", models.BooleanField(default=False, verbose_name="by video")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("confirmed", "Confirmed"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                (
                    "lasting",
                    models.DurationField(
                        help_text="What an extension gives it: as its location was set when it was placed."
                    ),
                ),
                ("extensions", models.PositiveSmallIntegerField(default=0, verbose_name="times extended")),
                ("holder", models.CharField(editable=False, max_length=64)),
                (
                    "visitor",
                    models.CharField(
                        blank=True, editable=False, help_text="Who, of a holder many share.", max_length=64
                    ),
                ),
                ("token_hash", models.BinaryField(max_length=32, unique=True)),
                (
                    "clinician",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.clinician"),
                ),
                ("location", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.location")),
                ("service", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.service")),
                (
                    "slot",
                    models.OneToOneField(
                        editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to="scheduling.slot"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(
                        models.F("expires_at"), condition=models.Q(("status", "active")), name="hold_active_expires"
                    ),
                    models.Index(
                        models.F("holder"), condition=models.Q(("status", "active")), name="hold_active_holder"
                    ),
                    models.Index(
                        models.F("visitor"),
                        condition=models.Q(("status", "active"), models.Q(("visitor", ""), _negated=True)),
                        name="hold_active_visitor",
                    ),
                    models.Index(models.F("holder"), models.F("created_at"), name="hold_holder_created"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="hold_end_after_start"
                    )
                ],
            },
        ),
        migrations.RunSQL(EVENTS_STAY, reverse_sql=EVENTS_MAY_GO),
    ]
