"""The link that exports a list, beside what else can be done with it."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.list_exports import may_export

register = template.Library()


@register.simple_tag(takes_context=True)
def list_export(context):
    """Return the link to export the list as it is shown, or an empty string for whoever may not."""
    request, opts = context["request"], context["cl"].opts
    if not may_export(request.user, opts.model):
        return ""
    page = reverse("admin:export_list", args=[opts.app_label, opts.model_name])
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return format_html('<li><a href="{}{}">Export</a></li>', page, query)
