"""The page in other languages: the switch, and the links for search engines."""

from typing import NamedTuple

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language

from scheduling.lib.languages import get_path_element, join_path, split_path

register = template.Library()

# Where a page that was posted is to be seen again, by the names of addresses, and what of its query says which times.
GET_INSTEAD = {
    "widget:hold": "widget:times",
    "widget:order_hold": "widget:order",
    "widget:reschedule_hold": "widget:reschedule",
    "widget:earlier": "widget:appointment",
    "widget:correct": "widget:done",
} | dict.fromkeys((f"widget:{name}" for name in ("extend", "again", "release", "confirm", "email")), "widget:details")
QUERY = ("day", "start", "clinician", "where", "hold", "proof", "me")


class LanguageChoice(NamedTuple):
    """A language in its own words, and the page in it: ``element`` begins the path of ``address``."""

    code: str
    name: str
    element: str
    address: str
    is_current: bool


@register.simple_tag(takes_context=True)
def language_choices(context, address=""):
    """Return the LanguageChoice of each language that patients can choose, none where there is one only.

    ``address`` is where the page is to be seen again, by default its own.
    """
    request = context.get("request")
    if not request or len(settings.PATIENT_LANGUAGES) < 2:
        return []
    address, names, current = address or get_address(request), dict(settings.LANGUAGES), get_language()
    return [
        LanguageChoice(code, names[code], get_path_element(code), join_path(code, address), code == current)
        for code in settings.PATIENT_LANGUAGES
    ]


def get_address(request):
    """Return the path and query at which a GET shows the page again."""
    found = request.resolver_match
    if request.method == "GET" or not found:
        return request.get_full_path()
    name = GET_INSTEAD.get(found.view_name, found.view_name)
    query = {name: request.POST[name] for name in QUERY if request.POST.get(name)}
    return reverse(name, kwargs=found.kwargs, query=query or None)


@register.simple_tag(takes_context=True)
def page_addresses(context):
    """Return the page's addresses for search engines, by language: x-default names none, canonical is this one's.

    A page that a token opens is nothing for them, nor is one behind a waiting line.
    """
    request = context.get("request")
    if not request or not request.resolver_match or "token" in request.resolver_match.kwargs:
        return {}
    if hasattr(request, "line_pass"):
        return {}
    _, path = split_path(request.path)
    paths = {"canonical": request.path}
    if len(settings.PATIENT_LANGUAGES) > 1:
        paths |= {"x-default": path, **{language: join_path(language, path) for language in settings.PATIENT_LANGUAGES}}
    return {name: request.build_absolute_uri(path) for name, path in paths.items()}
