"""Who asks for time off, and what was answered, on every page of admin."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.time_off_requests import count_unseen_answers, count_waiting

register = template.Library()


@register.simple_tag(takes_context=True)
def time_off_waiting(context):
    """Return a link to requests that wait for this member of staff, or to their own that were answered, or nothing."""
    request = context.get("request")
    if not request or not request.user.is_authenticated:
        return ""
    if number := count_waiting(request):
        return format_html(
            '<p id="time-off-waiting"><a href="{}"><strong>{}</strong> {} for time off</a></p>',
            reverse("admin:time_off_requests"),
            number,
            "asks" if number == 1 else "ask",
        )
    if count_unseen_answers(request):
        return format_html(
            '<p id="time-off-waiting"><a href="{}">Time off answered</a></p>', reverse("admin:my_time_off")
        )
    return ""
