import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0003_calendars_and_hours"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceCategory",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "position",
                    models.PositiveSmallIntegerField(default=0, help_text="Categories are listed in this order."),
                ),
            ],
            options={
                "verbose_name": "category of services",
                "verbose_name_plural": "categories of services",
                "ordering": ["position", "name"],
            },
        ),
        migrations.AddField(
            model_name="service",
            name="category",
            field=models.ForeignKey(
                blank=True,
                help_text="The heading it is listed under. Services without one come first.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="services",
                to="scheduling.servicecategory",
            ),
        ),
        migrations.AddField(
            model_name="service",
            name="is_private",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Patients book it only by its link, which is in no list. "
                "Choose an address that nobody guesses.",
                verbose_name="private",
            ),
        ),
        migrations.AlterField(
            model_name="service",
            name="position",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="Services are listed in this order, within their category."
            ),
        ),
    ]
