"""Django admin for staff: appointments, holds, what happened to them, and messages that wait, and API keys."""

from django.contrib import admin

from . import api_keys, appointments, events, holds, outbox, patients, schedule  # noqa: F401

admin.site.site_header = "Holdfast"
admin.site.site_title = "Holdfast"
admin.site.index_title = "The clinic"
