"""The groups of staff, and what each may do.

``decide`` is confirming and cancelling an appointment, ``mark`` is marking it arrived, completed or no-show;
``view_all`` is seeing those of every clinician, not only one's own. Changing a hold is releasing it, changing
a message is running it again. Nobody changes events or slots, and nobody here touches logins.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

RECEPTION = {
    "scheduling": ["view_location", "view_service", "view_clinician", "view_workinghours", "view_timeoff", "view_slot"],
    "patients": [
        "view_patient",
        "add_patient",
        "change_patient",
        "view_consent",
        "view_possibleduplicate",
        "change_possibleduplicate",
    ],
    "booking": [
        "view_appointment",
        "change_appointment",
        "view_all_appointment",
        "decide_appointment",
        "mark_appointment",
        "view_hold",
        "change_hold",
        "view_event",
    ],
}
CONFIGURATION = [
    f"{verb}_{model}"
    for verb in ("add", "change", "delete")
    for model in ("location", "service", "clinician", "workinghours", "timeoff")
]
GROUPS = {
    "reception": RECEPTION,
    "clinician": {"booking": ["view_appointment", "mark_appointment"]},
    "manager": {
        "scheduling": RECEPTION["scheduling"] + CONFIGURATION,
        "patients": RECEPTION["patients"],
        "booking": [
            *RECEPTION["booking"],
            "view_outboxmessage",
            "change_outboxmessage",
            "view_apikey",
            "add_apikey",
            "change_apikey",
        ],
    },
}


def make_groups(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in ("scheduling", "patients", "booking"):
        # Permissions are otherwise made after all migrations, which is too late here.
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, verbosity=0, using=alias, apps=apps)
        config.models_module = None

    group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, allowed in GROUPS.items():
        made, _ = group.objects.using(alias).get_or_create(name=name)
        for label, codenames in allowed.items():
            found = permission.objects.using(alias).filter(content_type__app_label=label, codename__in=codenames)
            made.permissions.add(*found)


def remove_groups(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    group.objects.using(schema_editor.connection.alias).filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0001_initial"),
        ("scheduling", "0001_initial"),
        ("patients", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "ordering": ["starts_at"],
                "permissions": [
                    ("view_all_appointment", "Can view the appointments of every clinician"),
                    ("decide_appointment", "Can confirm and cancel appointments"),
                    ("mark_appointment", "Can mark appointments arrived, completed or no-show"),
                ],
            },
        ),
        migrations.RunPython(make_groups, remove_groups),
    ]
