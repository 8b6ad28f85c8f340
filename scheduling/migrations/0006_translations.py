from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0005_people_and_places"),
    ]

    operations = [
        migrations.AddField(
            model_name=model,
            name="translations",
            field=models.JSONField(db_default={}, default=dict, editable=False),
        )
        for model in ("clinician", "location", "service", "servicecategory")
    ]
