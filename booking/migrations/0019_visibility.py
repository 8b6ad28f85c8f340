import django.contrib.auth.models
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

ADDRESS_HELP = "Its address, linked on every page for patients and in their e-mails."


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("booking", "0018_hours"),
        ("scheduling", "0009_hours"),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffAccount",
            fields=[],
            options={
                "verbose_name": "colleague",
                "verbose_name_plural": "staff",
                "ordering": ["first_name", "last_name", "username"],
                "proxy": True,
                "default_permissions": ("view", "add", "change"),
                "indexes": [],
                "constraints": [],
            },
            bases=("auth.user",),
            managers=[("objects", django.contrib.auth.models.UserManager())],
        ),
        migrations.CreateModel(
            name="StaffInvitation",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="invitation",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("token_hash", models.BinaryField(max_length=32, unique=True)),
                ("invited_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField(editable=False)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="StaffMember",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="staff_member",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("has_all_locations", models.BooleanField(default=True, verbose_name="all locations")),
                ("locations", models.ManyToManyField(blank=True, related_name="+", to="scheduling.location")),
                (
                    "my_location",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="scheduling.location",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "verbose_name": "member of staff",
                "verbose_name_plural": "members of staff",
            },
        ),
        *[
            migrations.AddField(
                "branding",
                name,
                models.URLField(label, blank=True, default="", db_default="", help_text=ADDRESS_HELP),
            )
            for name, label in [
                ("privacy_notice_url", "privacy notice"),
                ("imprint_url", "imprint"),
                ("terms_url", "terms"),
            ]
        ],
        migrations.AddField(
            "branding",
            "privacy_notice_version",
            models.CharField(
                max_length=40,
                blank=True,
                default="",
                db_default="",
                help_text="Such as 2026-11. It is kept with each patient who was shown the notice: change it with the text.",
            ),
        ),
    ]
