"""The groups of staff and their permissions, created by `manage.py migrate`.

For appointments, ``decide`` means confirm, reschedule and cancel; ``mark`` means arrived, completed and no-show,
and taking that back; ``override`` means booking and moving against the rules;
``view_all`` means those of every clinician instead of one's own; ``note`` and ``follow_up`` are for one's own only.
``change`` means release for a hold, retry for a message, redeliver for a delivery, settle for an undeliverable e-mail,
and includes sending and revoking the link for an order; ``settle`` of stranded visits includes the time off of who is
ill. No group changes events, slots or logins.
"""

from typing import Any

from django.db import connections
from django.db.models import Max, Q

RECEPTION = {
    "scheduling": [
        "view_location",
        "view_service",
        "view_servicecategory",
        "view_clinician",
        "view_calendar",
        "view_workinghours",
        "view_timeoff",
        "view_slot",
    ],
    "patients": [
        "view_patient",
        "add_patient",
        "change_patient",
        "view_consent",
        "change_consent",
        "view_needs",
        "add_needs",
        "change_needs",
        "view_possibleduplicate",
        "change_possibleduplicate",
    ],
    "booking": [
        "view_appointment",
        "add_appointment",
        "change_appointment",
        "view_all_appointment",
        "decide_appointment",
        "mark_appointment",
        "override_appointment",
        "settle_strandedvisit",
        "view_hold",
        "change_hold",
        "view_order",
        "add_order",
        "change_order",
        "view_event",
        "view_waitlistentry",
        "add_waitlistentry",
        "change_waitlistentry",
        "view_waitlist",
        "view_answersheet",
        "view_messagetext",
        "view_undeliverablemail",
        "change_undeliverablemail",
    ],
}
CONFIGURATION = [
    f"{verb}_{model}"
    for verb in ("add", "change", "delete")
    for model in ("location", "service", "servicecategory", "clinician", "calendar", "workinghours", "timeoff")
]
FEEDS = ["view_calendarfeed", "add_calendarfeed", "change_calendarfeed"]  # clinicians: their own only
GROUPS = {
    "reception": RECEPTION,
    "clinician": {
        "scheduling": ["view_timeoffrequest", "add_timeoffrequest"],  # their own only
        "patients": ["view_needs"],
        "booking": [
            "view_appointment",
            "mark_appointment",
            "note_appointment",
            "follow_up_appointment",
            "view_answersheet",
            *FEEDS,
        ],
    },
    "manager": {
        "scheduling": [*RECEPTION["scheduling"], *CONFIGURATION, "view_timeoffrequest", "change_timeoffrequest"],
        "patients": [*RECEPTION["patients"], "export_patient", "erase_patient", "view_restricted_patient"],
        "booking": [
            *RECEPTION["booking"],
            "view_figures",
            "export_lists",
            "view_question",
            "add_question",
            "change_question",
            "view_outboxmessage",
            "change_outboxmessage",
            *FEEDS,
            "view_branding",
            "add_branding",
            "change_branding",
            "view_embeddingsite",
            "add_embeddingsite",
            "change_embeddingsite",
            "delete_embeddingsite",
            "add_waitlist",
            "change_waitlist",
            "view_import",
            "add_import",
            "view_apikey",
            "add_apikey",
            "change_apikey",
            "view_provider",
            "add_provider",
            "change_provider",
            "view_webhookendpoint",
            "add_webhookendpoint",
            "change_webhookendpoint",
            "delete_webhookendpoint",
            "view_delivery",
            "change_delivery",
            "view_patientaccess",
            "view_signinevent",
            "view_staffaccount",
            "add_staffaccount",
            "change_staffaccount",
            "add_messagetext",
            "change_messagetext",
            "delete_messagetext",
        ],
    },
}


_last_permission: dict[str, int] = {}  # by database, before this run of migrate


def note_permissions(using: str, **kwargs: Any) -> None:
    """Note which permissions there are before migrations, so that make_groups knows the new ones."""
    from django.contrib.auth.models import Permission

    if Permission._meta.db_table in connections[using].introspection.table_names():
        newest = Permission.objects.using(using).aggregate(Max("pk"))["pk__max"]
        _last_permission.setdefault(using, newest or 0)


def make_groups(using: str, **kwargs: Any) -> None:
    """Create missing groups. Existing ones keep the clinic's own changes, and are given permissions that are new."""
    from django.contrib.auth.models import Group, Permission

    last = _last_permission.pop(using, 0)
    for name, allowed in GROUPS.items():
        group, is_new = Group.objects.using(using).get_or_create(name=name)
        wanted = Q()
        for label, codenames in allowed.items():
            wanted |= Q(content_type__app_label=label, codename__in=codenames)
        given = Permission.objects.using(using).filter(wanted)
        group.permissions.add(*(given if is_new else given.filter(pk__gt=last)))
