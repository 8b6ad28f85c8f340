"""Django admin for staff. What is changed here is changed through the verbs."""

from django.contrib import admin

from booking.admin import (  # noqa: F401
    api_keys,
    appointments,
    calendars,
    deliveries,
    events,
    feeds,
    holds,
    orders,
    outbox,
    patients,
    providers,
    schedule,
    unconfirmed,
    webhooks,
)

admin.site.site_header = "Holdfast"
admin.site.site_title = "Holdfast"
admin.site.index_title = "The clinic"
