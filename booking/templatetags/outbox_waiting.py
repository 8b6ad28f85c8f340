"""Whether mail and webhooks are held up, on every page of admin."""

from django import template
from django.utils.html import format_html

from booking.ops.health import describe_waiting
from booking.outbox.queue import get_waiting_since

register = template.Library()


@register.simple_tag(takes_context=True)
def outbox_waiting(context):
    """Return a line that says since when messages have been waiting, or nothing while they are sent."""
    request = context.get("request")
    if not request or not request.user.is_authenticated:
        return ""
    since = get_waiting_since()
    return format_html('<p id="outbox-waiting" role="status">{}</p>', describe_waiting(since)) if since else ""
