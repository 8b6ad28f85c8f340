"""What the desk needs on every page of admin."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.permissions import has_appointment_permission
from booking.admin.staff_search import get_has_shortcuts
from scheduling.lib.timezones import format_local

register = template.Library()


@register.simple_tag(takes_context=True)
def open_search(context):
    """Return the link that opens the search, which also tells the script what the member of staff may do by key."""
    request = context["request"]
    if not has_appointment_permission(request, "view"):
        return ""
    return format_html(
        '<a href="{0}" class="open-search" id="desk-settings" data-dialog data-search="{0}" data-book="{1}"'
        ' data-today="{2}" data-keys="{3}" data-shortcuts="{4}">'
        '<kbd aria-hidden="true">/</kbd> <span>Search everything</span></a>',
        reverse("admin:diary_search"),
        reverse("admin:diary_book") if has_appointment_permission(request, "add") else "",
        reverse("admin:index"),
        reverse("admin:diary_keys"),
        "on" if get_has_shortcuts(request.user) else "off",
    )


@register.filter
def visit_time(appointment):
    """Return when an appointment that is annotated with ``home`` is: Tue 1 Dec 2026, 09:30."""
    return format_local(appointment.starts_at, appointment.location.zone, unless=appointment.home)
