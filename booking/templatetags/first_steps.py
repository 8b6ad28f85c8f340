"""The panel of first steps on the start page of a new clinic."""

from typing import Any

from django import template

from booking.admin.first_steps import list_steps, may_take_first_steps
from booking.domain.first_steps import list_missing_steps

register = template.Library()


@register.inclusion_tag("admin/_first_steps_panel.html", takes_context=True)
def first_steps_panel(context: Any) -> dict:
    """Show what is still to be done, to who may do it, on the start page; once it is done, nothing."""
    request = context.get("request")
    match = request and request.resolver_match
    if not match or match.view_name not in ("admin:index", "admin:diary") or not may_take_first_steps(request.user):
        return {}
    missing = list_missing_steps()
    steps = list_steps(missing) if missing else []
    return {"steps": steps, "done": len(steps) - len(missing)}
