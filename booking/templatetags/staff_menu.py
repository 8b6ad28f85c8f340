"""The menu of the staff's pages."""

from typing import Any

from django import template
from django.contrib import admin

from booking.admin_site import build_menu

register = template.Library()


@register.inclusion_tag("admin/_menu.html", takes_context=True)
def staff_menu(context: Any) -> dict:
    """Show what the member of staff may use, with the present page marked; nothing to who has not signed in."""
    request = context.get("request")
    if not request or not request.user.is_authenticated:
        return {"parts": []}
    return {"parts": build_menu(request.user, request.path)}


@register.simple_tag
def list_title(opts: Any) -> str:
    """Return what the menu calls the list of a model."""
    site: Any = admin.site
    return site.get_list_title(opts.model)


@register.simple_tag(takes_context=True)
def menu_parts(context: Any) -> list[dict]:
    """Return the parts of the menu, for a page that shows it as its content."""
    request = context["request"]
    return build_menu(request.user, request.path)
