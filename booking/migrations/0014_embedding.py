import django.db.models.deletion
from django.db import migrations, models

import booking.models.api


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0013_languages"),
    ]

    operations = [
        migrations.CreateModel(
            name="EmbeddingSite",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        help_text="Such as https://www.clinic.example, without a path.",
                        max_length=200,
                        validators=[booking.models.api.validate_origin],
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        blank=True,
                        help_text="Leave it empty if the site may show every location.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="embedding_sites",
                        to="scheduling.location",
                    ),
                ),
            ],
            options={"ordering": ["origin"]},
        ),
        migrations.AddConstraint(
            model_name="embeddingsite",
            constraint=models.UniqueConstraint(
                "origin",
                "location",
                name="embedding_site_once",
                nulls_distinct=False,
                violation_error_message="This site is already listed for that location.",
            ),
        ),
    ]
