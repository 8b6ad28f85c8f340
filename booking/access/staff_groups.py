"""The groups of staff, and what each may do. They come with `manage.py migrate`.

``decide`` is confirming an appointment, giving it another time and cancelling it, ``mark`` is marking it arrived,
completed or no-show; ``view_all`` is seeing those of every clinician, not only one's own. Changing a hold is releasing
it, changing a message is running it again, a delivery sending it again, changing an order is also sending its link and
taking that back. Nobody changes events or slots, and nobody here touches logins.
"""

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
FEEDS = ["view_calendarfeed", "add_calendarfeed", "change_calendarfeed"]  # a clinician's own only
GROUPS = {
    "reception": RECEPTION,
    "clinician": {"booking": ["view_appointment", "mark_appointment", *FEEDS]},
    "manager": {
        "scheduling": RECEPTION["scheduling"] + CONFIGURATION,
        "patients": RECEPTION["patients"],
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
        ],
    },
}


def make_groups(using, **kwargs):
    """Make the groups that are missing. One that is there stays as the clinic has changed it."""
    from django.contrib.auth.models import Group, Permission

    for name, allowed in GROUPS.items():
        group, is_new = Group.objects.using(using).get_or_create(name=name)
        if is_new:
            wanted = Q()
            for label, codenames in allowed.items():
                wanted |= Q(content_type__app_label=label, codename__in=codenames)
            group.permissions.set(Permission.objects.using(using).filter(wanted))
