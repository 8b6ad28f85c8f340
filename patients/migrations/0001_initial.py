import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

import patients.fields
import patients.models
import patients.text


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name="Patient",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("first_name", models.CharField(max_length=100, validators=[patients.text.validate_name])),
                ("last_name", models.CharField(max_length=100, validators=[patients.text.validate_name])),
                (
                    "date_of_birth",
                    models.DateField(blank=True, null=True, validators=[patients.models.validate_birth_date]),
                ),
                (
                    "email",
                    patients.fields.EmailField(blank=True, db_collation="C", max_length=254, verbose_name="e-mail"),
                ),
                ("phone", patients.fields.PhoneField(blank=True, db_collation="C", max_length=32)),
                (
                    "nhs_number",
                    patients.fields.NhsNumberField(
                        blank=True, db_collation="C", max_length=10, verbose_name="NHS number"
                    ),
                ),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "merged_into",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="merged",
                        to="patients.patient",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("normalized_name", models.CharField(db_collation="C", editable=False, max_length=250)),
                ("name_words", models.CharField(db_collation="C", editable=False, max_length=250)),
                (
                    "name_spellings",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, editable=False, size=None
                    ),
                ),
            ],
            options={
                "ordering": ["last_name", "first_name"],
                "indexes": [
                    models.Index(models.F("date_of_birth"), models.F("normalized_name"), name="patient_born_name"),
                    models.Index(models.F("email"), name="patient_email"),
                    models.Index(models.F("phone"), name="patient_phone"),
                    models.Index(django.db.models.functions.text.Reverse("phone"), name="patient_phone_end"),
                    models.Index(models.F("normalized_name"), name="patient_first_last"),
                    models.Index(models.F("name_words"), name="patient_last_first"),
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.indexes.OpClass("name_words", "gin_trgm_ops"),
                        fastupdate=False,
                        name="patient_name_words",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("name_spellings"), fastupdate=False, name="patient_name_spellings"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("nhs_number"),
                        condition=models.Q(("nhs_number", ""), _negated=True),
                        name="patient_nhs_number",
                        violation_error_message="Another patient already has this NHS number.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("privacy_notice", "privacy notice"),
                            ("reminders", "reminders by e-mail or text message"),
                        ],
                        max_length=20,
                    ),
                ),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="consents", to="patients.patient"
                    ),
                ),
            ],
            options={
                "ordering": ["-given_at"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("patient"),
                        models.F("purpose"),
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        name="consent_given_once",
                        violation_error_message="The patient has already agreed to this.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PossibleDuplicate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=100)),
                ("found_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("dismissed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="patients.patient"
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="patients.patient"
                    ),
                ),
            ],
            options={
                "ordering": ["-found_at"],
                "constraints": [
                    models.UniqueConstraint(models.F("patient"), models.F("other"), name="possible_duplicate_once"),
                    models.CheckConstraint(
                        condition=models.Q(("patient", models.F("other")), _negated=True),
                        name="possible_duplicate_of_two",
                    ),
                ],
            },
        ),
    ]
