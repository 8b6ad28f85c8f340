"""The waiting room: while more people come than can be served, newcomers stand in line for the patient's pages.

Whoever comes gets a number, and with it an address (/line/<token>/ and where they wanted to go) whose page says how
many are ahead, and asks again by itself. Whoever is admitted has a pass in the address of all pages (/in/<pass>/…).
It is no use to reload, and nobody who has the link of a hold, an order or an appointment waits: those have other
addresses. This answers ahead of all other middlewares.
"""

import re
from random import SystemRandom
from types import SimpleNamespace

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import get_script_prefix, set_script_prefix
from django.utils.encoding import escape_uri_path, iri_to_uri
from django.utils.html import escape
from django.utils.timezone import now as get_now
from django.utils.translation import get_language, override

from booking.access.client_identity import get_networks
from booking.access.rate_limits import counter
from booking.access.waiting_line import read_pass, read_place, waiting_line, write_pass, write_place
from booking.domain.holds import find_hold
from booking.domain.transitions import HoldNotFound
from booking.models import Hold
from booking.models.branding import get_last_branding
from booking.models.embedding import list_embedding_sites
from booking.ops import overload
from booking.ops.fixed_pages import get_page, get_page_headers
from booking.ops.languages import ENGLISH
from booking.widget.pages import SCRIPT_TEXTS
from scheduling.lib.languages import choose_language, join_path, split_path, use_language
from scheduling.lib.recent_results import RecentResults

LOOK_SECONDS = 0.5
MIN_PAUSE, MAX_PAUSE = 3, 20  # seconds until a page asks again
SHOWN = "shown="  # how many minutes the page says, so that they are read out only when they change
PAGES_PER_PASS = 60  # a minute
MAX_FORM_BYTES = 10_000
ELEMENT = r"(?P<token>[A-Za-z0-9_-]{1,200})"
IN_LINE = re.compile(rf"/line/{ELEMENT}(?P<rest>/.*)")
WITH_PASS = re.compile(rf"/in/{ELEMENT}(?P<rest>/.*)")
# What newcomers open.
ENTRANCE = re.compile(r"/(?:$|book/[^/]+/(?:hold|proof|wait)?$|(?:clinicians|locations)/)")
REST, PLACE = "TOKEN-AND-REST", "<!-- place -->"

lines = RecentResults(max_age=LOOK_SECONDS)
pages = RecentResults[str](max_age=60, max_size=20)
draw = SystemRandom()


def wait_in_line(get_response):
    """Middleware that has newcomers wait, while there is a line or one is needed."""

    def middleware(request):
        named, path = split_path(request.path_info)
        if waiting := IN_LINE.fullmatch(path):
            try:
                return answer_waiting(request, named, **waiting.groupdict())
            except (OperationalError, InterfaceError):  # what stands around it asks the database once a minute
                return refuse(request, named, draw.randint(MIN_PAUSE, MAX_PAUSE))
        admitted = None
        if (passed := WITH_PASS.fullmatch(path)) and is_of_patients(passed["rest"]):
            path, admitted = passed["rest"], read_pass(passed["token"], get_now().timestamp())
            request.path_info = join_path(named, path)
            request.line_pass = passed["token"]
        if ENTRANCE.match(path) and settings.WAITING_ROOM == "automatic":
            if not (is_line_needed() and must_wait(request, admitted)):
                return get_response(request)
            return send_to_line(request, named, path)
        return get_response(request)

    return middleware


def is_of_patients(path):
    """Return whether a path behind a pass is one of the patient's pages; a language stands before the pass."""
    return not (ENGLISH.match(path) or split_path(path)[0])


def keep_pass(get_response):
    """Middleware that has all links of a page keep the pass of its address; the language stands before it."""

    def middleware(request):
        if not getattr(request, "line_pass", ""):
            return get_response(request)
        before = get_script_prefix()
        set_script_prefix(f"{before}in/{request.line_pass}/")
        try:
            return get_response(request)
        finally:
            set_script_prefix(before)

    return middleware


def look():
    """Return the Line as it was half a second ago at most, or None."""
    if settings.WAITING_ROOM == "off":
        return None
    line = lines.get(lambda: waiting_line().look(get_now().timestamp(), is_pressed=overload.state.is_pressed))
    overload.state.has_line = line is not None
    return line


def is_line_needed():
    return look() is not None or overload.state.is_overloaded


def must_wait(request, admitted):
    """Return whether a request for an entrance has neither the pass of an admitted Place nor a hold that is alive."""
    if admitted:
        usage = counter().count("pass", str(admitted), PAGES_PER_PASS)
        return bool(usage and usage.is_exceeded)
    query = request.GET
    if request.method == "POST" and int(request.META.get("CONTENT_LENGTH") or 0) <= MAX_FORM_BYTES:
        query = request.POST
    try:
        return not query.get("hold") or find_hold(query["hold"]).status != Hold.Status.ACTIVE
    except (HoldNotFound, OperationalError, InterfaceError):
        return True


def send_to_line(request, named, path):
    """Draw a number, and redirect to its address, or past the line if it is admitted already."""
    usage = counter().count_networks("pages", get_networks(request), settings.PAGES_PER_NETWORK)
    if usage and usage.is_exceeded:
        return refuse(request, named, usage.resets_in, status=429)
    now = get_now().timestamp()
    drawn = waiting_line().draw(now, is_pressed=overload.state.is_pressed)
    if drawn is None:  # no Redis, no line
        return refuse(request, named, draw.randint(MIN_PAUSE, MAX_PAUSE))
    line, place = drawn
    if not overload.state.has_line:
        lines.forget()  # there is one from now on
    rest = escape_uri_path(re.sub("(?<=/)(?:hold|proof|wait)$", "", path))
    if request.method in ("GET", "HEAD") and request.META.get("QUERY_STRING"):
        rest += f"?{iri_to_uri(request.META['QUERY_STRING'])}"
    if place.number <= line.admitted:
        return go(request, named, f"/in/{write_pass(place, now)}{rest}")
    return go(request, named, f"/line/{write_place(place)}{rest}")


def answer_waiting(request, named, token, rest):
    """Answer the page of somebody in line: whose turn it is goes in, the others are told how many are ahead."""
    query, _, minutes_shown = request.META.get("QUERY_STRING", "").partition(SHOWN)
    rest = escape_uri_path(rest) if ENTRANCE.match(rest) else "/"  # whatever else it is: it leads nowhere outside
    if query := query.rstrip("&"):
        rest += f"?{iri_to_uri(query)}"
    place, line, now = read_place(token), look(), get_now().timestamp()
    if place is None or line is None or place.line_id != line.id or place.number <= line.lapsed:
        return go(request, named, rest)  # to stand in line anew, if there is one
    if place.number <= line.admitted:
        may_pass = waiting_line().may_have_pass(place)
        return go(request, named, f"/in/{write_pass(place, now)}{rest}" if may_pass else rest)
    ahead = place.number - line.admitted - 1
    seconds = (ahead + 1) / line.per_second
    minutes = round(seconds / 60)
    pause = round(min(MAX_PAUSE, max(MIN_PAUSE, seconds / 3)) * draw.uniform(0.9, 1.2))
    here = join_path(named, f"/line/{token}{rest}")
    context = {
        "ahead": ahead,
        "minutes": minutes,
        "pause": pause,
        "poll": f"{here}{'&' if '?' in here else '?'}{SHOWN}{minutes}",
        "is_poll": is_htmx(request),
        "is_news": minutes_shown != str(minutes),
    }
    with use_language(named) if named else override(get_language_of(request, named)):
        fragment = render_to_string("widget/_line.html", context)
        language = get_language()
        text = fragment
        if not is_htmx(request):
            page = pages.get(render_page, language)
            text = page.replace(PLACE, fragment).replace(REST, escape(f"{token}{rest}"))
            text = text.replace('content="0"', f'content="{pause}"', 1)
    response = HttpResponse(text, headers=get_page_headers() | {"Content-Language": language})
    response["Vary"] = "HX-Request, Accept-Language"
    return response


def render_page():
    """Return the page around what changes, in the active language."""
    list_embedding_sites()  # for get_page_headers, which asks no database
    branding = get_last_branding()
    context = {
        "branding": branding,
        "clinic_name": branding.name,
        "layout": "widget/base.html",
        "script_texts": SCRIPT_TEXTS,
        "own_address": f"/line/{REST}",
        "place": PLACE,
        "request": SimpleNamespace(csp_nonce="", resolver_match=None),
    }
    return render_to_string("widget/line.html", context)


def go(request, named, path):
    """Return a redirect, which htmx follows as a new page."""
    address = join_path(named, path)
    if is_htmx(request):
        return HttpResponse(headers={"HX-Redirect": address, "Cache-Control": "no-store"})
    return HttpResponse(status=303, headers={"Location": address, "Cache-Control": "no-store"} | get_page_headers())


def get_language_of(request, named):
    return named or choose_language(request.headers.get("Accept-Language", ""))


def is_htmx(request):
    return "HX-Request" in request.headers


def refuse(request, named, seconds, *, status=503):
    """Return the page that tries again by itself."""
    language = get_language_of(request, named)
    headers = get_page_headers() | {"Retry-After": str(seconds), "Refresh": str(seconds), "X-Unread": "1"}
    return HttpResponse(get_page(language), status=status, headers=headers)
