import datetime
import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import booking.models.api
import booking.models.fields
import patients.fields
import patients.text
import scheduling.lib.encrypted_field
import scheduling.lib.price_field

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
            name="CalendarFeed",
            fields=[
                (
                    "clinician",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="feed",
                        serialize=False,
                        to="scheduling.clinician",
                    ),
                ),
                ("token_hash", models.BinaryField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("etag", models.CharField(blank=True, editable=False, max_length=64)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_read_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ["clinician__name"],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField()),
            ],
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
                ("response_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "url",
                    models.CharField(
                        help_text="Such as https://www.clinic.example/hooks.", max_length=500, verbose_name="address"
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=100, validators=[patients.text.validate_printable]),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[("holdfast", "Holdfast"), ("junction", "Junction")], default="holdfast", max_length=10
                    ),
                ),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
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
                                ("patient.created", "patient.created"),
                                ("patient.merged", "patient.merged"),
                            ],
                            max_length=40,
                        ),
                        blank=True,
                        default=list,
                        help_text="None: all, new kinds too.",
                        size=None,
                    ),
                ),
                ("secret", scheduling.lib.encrypted_field.EncryptedField(editable=False)),
                ("old_secret", scheduling.lib.encrypted_field.EncryptedField(blank=True, editable=False)),
                ("old_secret_ends_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("answers_fast", models.BooleanField(default=False, editable=False)),
                ("failing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("disabled_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("disabled_because", models.CharField(blank=True, editable=False, max_length=100)),
            ],
            options={
                "ordering": ["-created_at"],
            },
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
                                ("write_orders", "create, read and book orders"),
                                ("write_locations", "change how long holds live at a location"),
                                ("manage_webhooks", "manage webhook endpoints and their deliveries"),
                            ],
                            max_length=32,
                        ),
                        size=None,
                    ),
                ),
                (
                    "allowed_origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200, validators=[booking.models.api.validate_origin]),
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
                ("max_live_holds", models.PositiveIntegerField(blank=True, help_text="Empty: any number.", null=True)),
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
            name="Appointment",
            fields=[
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("is_remote", models.BooleanField(default=False, verbose_name="by video")),
                ("price", scheduling.lib.price_field.PriceField(editable=False)),
                ("currency", models.CharField(editable=False, max_length=3)),
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
                (
                    "provider_reference",
                    models.CharField(blank=True, editable=False, max_length=100, verbose_name="approver's reference"),
                ),
                (
                    "answer_by",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="When it is cancelled, if it is still pending then.",
                        null=True,
                    ),
                ),
                ("attendee_name", models.CharField(max_length=201, validators=[patients.text.validate_name])),
                (
                    "attendee_email",
                    patients.fields.EmailField(blank=True, max_length=254, verbose_name="attendee e-mail"),
                ),
                (
                    "attendee_phone",
                    models.CharField(blank=True, max_length=32, validators=[patients.text.validate_printable]),
                ),
                (
                    "notes",
                    models.TextField(blank=True, max_length=2000, validators=[patients.text.validate_printable_lines]),
                ),
                ("meeting_url", models.URLField(blank=True, verbose_name="video link")),
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
                            ("declined", "whoever had to confirm it declined"),
                            ("not_acknowledged", "nobody confirmed it in time"),
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
                        editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="scheduling.slot"
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
            },
        ),
        migrations.CreateModel(
            name="Unconfirmed",
            fields=[],
            options={
                "verbose_name": "appointment to confirm",
                "verbose_name_plural": "appointments to confirm",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("booking.appointment",),
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                (
                    "subject_type",
                    models.CharField(
                        choices=[
                            ("booking", "Booking"),
                            ("patient", "Patient"),
                            ("order", "Order"),
                            ("location", "Location"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subject_id", models.UUIDField()),
                ("sequence", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=64)),
                ("from_status", models.CharField(blank=True, max_length=12)),
                ("to_status", models.CharField(blank=True, max_length=12)),
                ("data", models.JSONField(default=dict)),
                ("transaction_id", booking.models.fields.TransactionIdField()),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(models.F("subject_id"), models.F("sequence"), name="event_sequence")
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
            name="Order",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "external_id",
                    models.CharField(
                        blank=True,
                        help_text="Its id in the system it came from.",
                        max_length=100,
                        validators=[patients.text.validate_printable],
                    ),
                ),
                (
                    "address_line_1",
                    models.CharField(blank=True, max_length=100, validators=[patients.text.validate_printable]),
                ),
                (
                    "address_line_2",
                    models.CharField(blank=True, max_length=100, validators=[patients.text.validate_printable]),
                ),
                ("unit", models.CharField(blank=True, max_length=20, validators=[patients.text.validate_printable])),
                ("city", models.CharField(blank=True, max_length=100, validators=[patients.text.validate_printable])),
                (
                    "state",
                    models.CharField(
                        blank=True,
                        max_length=50,
                        validators=[patients.text.validate_printable],
                        verbose_name="state or county",
                    ),
                ),
                (
                    "postcode",
                    models.CharField(blank=True, max_length=20, validators=[patients.text.validate_printable]),
                ),
                (
                    "country",
                    models.CharField(
                        blank=True, help_text="ISO 3166-1, two letters.", max_length=2, verbose_name="country code"
                    ),
                ),
                ("latitude", models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True)),
                ("longitude", models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True)),
                ("token_hash", models.BinaryField(max_length=32, null=True, unique=True)),
                (
                    "link_ends_at",
                    models.DateTimeField(editable=False, help_text="Until when that link is good.", null=True),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="patients.patient"
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="scheduling.service"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("is_remote", models.BooleanField(default=False, verbose_name="by video")),
                ("price", scheduling.lib.price_field.PriceField(editable=False)),
                ("currency", models.CharField(editable=False, max_length=3)),
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
                    "lifetime",
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
                (
                    "network",
                    models.CharField(
                        blank=True, editable=False, help_text="Where a visitor has come from.", max_length=64
                    ),
                ),
                ("token_hash", models.BinaryField(max_length=32, unique=True)),
                (
                    "clinician",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.clinician"),
                ),
                ("location", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.location")),
                (
                    "patient",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="patients.patient",
                    ),
                ),
                ("service", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="scheduling.service")),
                (
                    "slot",
                    models.OneToOneField(
                        editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to="scheduling.slot"
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="booking.order",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.AddField(
            model_name="appointment",
            name="order",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appointments",
                to="booking.order",
            ),
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[],
            options={
                "verbose_name_plural": "deliveries",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("booking.outboxmessage",),
        ),
        migrations.CreateModel(
            name="Provider",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(help_text="How programs know it: appointments say it.", unique=True)),
                ("kind", models.CharField(help_text="One of booking.integrations.approvers.APPROVERS.", max_length=20)),
                (
                    "answer_within",
                    models.DurationField(
                        default=datetime.timedelta(seconds=900),
                        help_text="Without an answer by then an appointment is cancelled. A caller of the API can name another time.",
                        validators=[
                            django.core.validators.MinValueValidator(datetime.timedelta(seconds=60)),
                            django.core.validators.MaxValueValidator(datetime.timedelta(days=2)),
                        ],
                    ),
                ),
                (
                    "url",
                    scheduling.lib.encrypted_field.EncryptedField(
                        blank=True,
                        help_text="Of the other system, such as https://lab.example/holdfast.",
                        verbose_name="address",
                    ),
                ),
                (
                    "secret",
                    scheduling.lib.encrypted_field.EncryptedField(
                        blank=True, editable=False, help_text="Signs what the two systems say to each other."
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("locations", models.ManyToManyField(blank=True, related_name="providers", to="scheduling.location")),
                ("services", models.ManyToManyField(blank=True, related_name="providers", to="scheduling.service")),
            ],
            options={
                "verbose_name": "approver",
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="appointment",
            name="provider",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appointments",
                to="booking.provider",
            ),
        ),
        migrations.AddField(
            model_name="outboxmessage",
            name="endpoint",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="booking.webhookendpoint",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                models.F("external_id"),
                condition=models.Q(("external_id", ""), _negated=True),
                name="order_external_id",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                models.F("expires_at"), condition=models.Q(("status", "active")), name="hold_active_expires"
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(models.F("holder"), condition=models.Q(("status", "active")), name="hold_active_holder"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                models.F("visitor"),
                condition=models.Q(("status", "active"), models.Q(("visitor", ""), _negated=True)),
                name="hold_active_visitor",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                models.F("network"),
                condition=models.Q(("status", "active"), models.Q(("network", ""), _negated=True)),
                name="hold_active_network",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(models.F("holder"), models.F("created_at"), name="hold_holder_created"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="hold_end_after_start"
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(models.F("starts_at"), name="appointment_starts_at"),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(models.F("clinician"), models.F("starts_at"), name="appointment_clinician_starts"),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                models.F("answer_by"), condition=models.Q(("status", "pending")), name="appointment_pending"
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.UniqueConstraint(models.F("reference"), name="appointment_reference"),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="appointment_end_after_start"
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(("slot__isnull", False), ("status", "cancelled"), _connector="OR"),
                name="appointment_has_slot",
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("answer_by__isnull", False), models.Q(("status", "pending"), _negated=True), _connector="OR"
                ),
                name="appointment_pending_until",
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.UniqueConstraint(
                models.F("order"),
                condition=models.Q(("status__in", ["cancelled", "no_show"]), _negated=True),
                name="appointment_of_order",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                models.F("endpoint"),
                models.F("due_at"),
                condition=models.Q(("status__in", ["waiting", "running"])),
                name="outbox_open_due",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                models.Func("kind", models.Value("."), models.Value(1), function="split_part"),
                models.F("due_at"),
                condition=models.Q(("endpoint__isnull", True), ("status__in", ["waiting", "running"])),
                name="outbox_family_due",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(models.F("due_at"), condition=models.Q(("status", "running")), name="outbox_running"),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                models.F("created_at"), condition=models.Q(("status__in", ["done", "failed"])), name="outbox_settled"
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                models.F("endpoint"),
                models.F("created_at"),
                condition=models.Q(("endpoint__isnull", False)),
                name="outbox_deliveries",
            ),
        ),
        migrations.RunSQL(EVENTS_STAY, reverse_sql=EVENTS_MAY_GO),
    ]
