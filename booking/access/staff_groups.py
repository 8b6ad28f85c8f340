"""The groups of staff and their permissions, created by `manage.py migrate`.

For appointments, ``decide`` means confirm, reschedule and cancel; ``mark`` means arrived, completed and no-show;
``view_all`` means those of every clinician instead of one's own. ``change`` means release for a hold, retry for a
message, redeliver for a delivery, and includes sending and revoking the link for an order. No group changes events,
slots or logins.
"""

from typing import Any

from django.db.models import Q

RECEPTION = {
    "scheduling": [
        "view_location",
        "view_service",
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
        "view_hold",
        "change_hold",
        "view_order",
        "add_order",
        "change_order",
        "view_event",
    ],
}
CONFIGURATION = [
    f"{verb}_{model}"
    for verb in ("add", "change", "delete")
    for model in ("location", "service", "clinician", "calendar", "workinghours", "timeoff")
]
FEEDS = ["view_calendarfeed", "add_calendarfeed", "change_calendarfeed"]  # clinicians: their own only
GROUPS = {
    "reception": RECEPTION,
    "clinician": {"booking": ["view_appointment", "mark_appointment", *FEEDS]},
    "manager": {
        "scheduling": RECEPTION["scheduling"] + CONFIGURATION,
        "patients": [*RECEPTION["patients"], "export_patient", "erase_patient", "view_restricted_patient"],
        "booking": [
            *RECEPTION["booking"],
            "view_outboxmessage",
            "change_outboxmessage",
            *FEEDS,
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
        ],
    },
}


def make_groups(using: str, **kwargs: Any) -> None:
    """Create missing groups. Existing ones keep the clinic's own changes."""
    from django.contrib.auth.models import Group, Permission

    for name, allowed in GROUPS.items():
        group, is_new = Group.objects.using(using).get_or_create(name=name)
        if is_new:
            wanted = Q()
            for label, codenames in allowed.items():
                wanted |= Q(content_type__app_label=label, codename__in=codenames)
            group.permissions.set(Permission.objects.using(using).filter(wanted))
