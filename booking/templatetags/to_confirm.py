"""How many appointments wait for the member of staff, on every page of admin."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.moves import may
from booking.admin.unconfirmed import in_queue

register = template.Library()


@register.simple_tag(takes_context=True)
def to_confirm(context):
    """Return a link to the queue of appointments to confirm, or nothing where there are none."""
    request = context.get("request")
    if not request or not request.user.is_authenticated or not may(request, "decide"):
        return ""
    number = in_queue(request).count()
    if not number:
        return ""
    return format_html(
        '<p id="to-confirm"><a href="{}"><strong>{}</strong> to confirm</a></p>',
        reverse("admin:booking_unconfirmed_changelist"),
        number,
    )
