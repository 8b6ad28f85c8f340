"""Django admin for staff, which changes bookings through the domain's verbs."""

from django.contrib import admin

from booking.admin import (  # noqa: F401
    api_keys,
    appointments,
    approvers,
    branding,
    calendars,
    deliveries,
    embedding,
    events,
    feeds,
    holds,
    message_texts,
    old_records,
    orders,
    outbox,
    patient_access,
    patients,
    questions,
    schedule,
    sign_in_events,
    unconfirmed,
    undeliverable_mails,
    unusual_bookings,
    users,
    waitlist,
    webhooks,
)

admin.site.site_header = "Holdfast"
admin.site.site_title = "Holdfast"
admin.site.index_title = "The clinic"
