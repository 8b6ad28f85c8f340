"""The link to the stranded visits, on every page of admin."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from booking.access.visibility import visible_to
from booking.domain.stranded_visits import find_open

register = template.Library()


@register.simple_tag(takes_context=True)
def stranded_visits(context):
    """Return a link with the number of stranded visits, or an empty string when there are none."""
    request = context.get("request")
    if not request or not request.user.is_authenticated or not request.user.has_perm("booking.settle_strandedvisit"):
        return ""
    number = visible_to(request.user, find_open()).count()
    if not number:
        return ""
    page = reverse("admin:stranded_visits")
    return format_html('<p id="stranded"><a href="{}"><strong>{}</strong> stranded</a></p>', page, number)
