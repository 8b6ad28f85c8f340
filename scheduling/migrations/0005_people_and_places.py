import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now

import scheduling.models.validators


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0004_catalogue"),
    ]

    operations = [
        migrations.CreateModel(
            name="Image",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("sizes", models.JSONField(default=list, editable=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=Now(), default=django.utils.timezone.now, editable=False),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImageFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(db_index=True, editable=False, max_length=48)),
                ("media_type", models.CharField(editable=False, max_length=20)),
                ("content", models.BinaryField()),
                (
                    "image",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="files", to="scheduling.image"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="clinician",
            name="photo",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="scheduling.image",
            ),
        ),
        migrations.AddField(
            model_name="clinician",
            name="languages",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=8),
                blank=True,
                db_default=[],
                default=list,
                size=None,
                validators=[scheduling.models.validators.validate_languages],
                verbose_name="languages spoken",
            ),
        ),
        migrations.AddField(
            model_name="clinician",
            name="gender",
            field=models.CharField(
                blank=True,
                choices=[("", "not given"), ("female", "Female"), ("male", "Male"), ("non_binary", "Non-binary")],
                db_default="",
                default="",
                help_text="Shown to patients, if they wish to give it.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="clinician",
            name="has_page",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Whether patients find a page about them, while they are active.",
                verbose_name="has a page",
            ),
        ),
        migrations.AlterField(
            model_name="clinician",
            name="bio",
            field=models.TextField(
                blank=True, help_text="A few sentences for their page. An empty line begins a paragraph."
            ),
        ),
        migrations.AddField(
            model_name="location",
            name="photo",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="scheduling.image",
            ),
        ),
        migrations.AddField(
            model_name="location",
            name="step_free_access",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "not said"),
                    ("yes", "Step-free throughout"),
                    ("partly", "Step-free in part"),
                    ("no", "There are steps"),
                ],
                db_default="",
                default="",
                help_text="Whether somebody in a wheelchair gets in by themselves.",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="location",
            name="access_notes",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Such as: the lift is behind the second door.",
                verbose_name="getting in",
            ),
        ),
        migrations.AddField(
            model_name="location",
            name="parking",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Where to leave a car or a bicycle, and what it costs.",
            ),
        ),
    ]
