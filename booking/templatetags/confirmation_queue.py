"""The link to the confirmation queue, on every page of admin."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.permissions import has_appointment_permission
from booking.admin.unconfirmed import get_queue

register = template.Library()


@register.simple_tag(takes_context=True)
def confirmation_queue(context):
    """Return a link with the number of appointments to confirm, or an empty string when there are none."""
    request = context.get("request")
    if not request or not request.user.is_authenticated or not has_appointment_permission(request, "decide"):
        return ""
    number = get_queue(request).count()
    if not number:
        return ""
    return format_html(
        '<p id="to-confirm"><a href="{}"><strong>{}</strong> to confirm</a></p>',
        reverse("admin:booking_unconfirmed_changelist"),
        number,
    )
