"""Decorators and responses that all of the patient's pages share."""

from functools import wraps
from math import ceil

from django.conf import settings
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page

from booking.access.client_identity import get_networks
from booking.access.patient_links import LINK_LIFETIME, AppointmentNotFound, LinkEnded, LinkRevoked, find_appointment
from booking.access.rate_limits import counter
from booking.domain.expiry import settle
from booking.domain.holds import APPOINTMENT_HOLDER, find_hold
from booking.domain.transitions import HoldNotFound
from booking.domain.verification import as_without_proof
from booking.models import Hold, get_branding
from booking.ops.metrics.counted import count_refusal
from booking.widget.details_form import get_typed_values
from booking.widget.embedding import allow_framing
from booking.widget.held_time import HeldTime
from scheduling.lib.clock import database_now

STEPS = [gettext_lazy("Service"), gettext_lazy("Time"), gettext_lazy("Details"), gettext_lazy("Check")]
KNOWN_STEPS = [gettext_lazy("Time"), gettext_lazy("Check")]  # when service and patient are known
# What static/widget/widget.js says.
SCRIPT_TEXTS = {
    "held": {
        5: gettext_lazy("Your time is held for 5 more minutes."),
        2: gettext_lazy("Your time is held for 2 more minutes."),
        1: gettext_lazy("Your time is held for 1 more minute."),
    },
    "moreTime": gettext_lazy("To keep it longer, press “Need more time?”."),
    "expired": gettext_lazy("Your time is no longer held for you. To try again, press “Hold it again”."),
    "expiredWithInput": gettext_lazy(
        "Your time is no longer held for you. What you typed is still here. To try again, press “Hold it again”."
    ),
    # Translators: such as “09:00 has just been taken.”
    "taken": gettext_lazy("%(time)s has just been taken."),
    "yourTime": gettext_lazy("%(time)s your time"),
    # Translators: such as “Mon 09:00 your time”.
    "yourTimeOnAnotherDay": gettext_lazy("%(weekday)s %(time)s your time"),
    "oneMoreQuestion": gettext_lazy("There is one more question below."),
    "moreQuestions": gettext_lazy("There are more questions below."),
    "busy": gettext_lazy(
        "More people are here than we can answer at once. Nothing you typed is lost. This page tries again by itself "
        "in a few seconds; you need not do anything."
    ),
    "trouble": gettext_lazy("That did not work. Nothing you typed is lost. Please try again in a moment."),
}


def show(request, template, context=None, *, status=200):
    """Render a page, or only its changing part for htmx."""
    layout = "widget/_page.html" if request.htmx else "widget/base.html"
    branding = get_branding()
    everywhere = {
        "branding": branding,
        "clinic_name": branding.name,
        "layout": layout,
        "steps": STEPS,
        "script_texts": SCRIPT_TEXTS,
    }
    context = everywhere | (context or {})
    if refusal := context.get("refusal"):
        count_refusal(refusal.code)
    if "noted" not in context and not request.htmx and request.GET.get("hold"):
        context |= get_note_context(find_held_time(request.GET["hold"]), database_now())
    response = render(request, template, context, status=status)
    if request.htmx and status >= 400:
        response["HX-Push-Url"] = "false"  # keep the address of the last page that worked
    return response


def refuse(request, title, *sentences, status, onward=None, phone="", sends_links=False):
    """Show a page that says why not; ``onward`` is the (label, address) of the button below it.

    With ``sends_links`` it leads to the page that sends the links of appointments again.
    """
    label, address = onward or (_("See what you can book"), reverse("widget:services"))
    context = {
        "title": title,
        "sentences": sentences,
        "label": label,
        "address": address,
        "phone": phone,
        "sends_links": sends_links,
    }
    return show(request, "widget/refused.html", context, status=status)


def refuse_not_found(request, error=None, **ways):
    title, sentence = _("We could not find that"), _("The link may be incomplete or out of date.")
    return refuse(request, title, sentence, status=404, **ways)


def refuse_link(request, error):
    """Refuse the link of an appointment, without a word of that."""
    if isinstance(error, LinkEnded):
        days = _("It worked until %(days)d days after the visit.") % {"days": LINK_LIFETIME.days}
        title, sentence = _("This link has ended"), _("If you have a question, please ask us.")
        return refuse(request, title, days, sentence, status=410, sends_links=True)
    if isinstance(error, LinkRevoked):
        title = _("This link no longer works")
        sentence = _("We have replaced it. Please look for our latest e-mail, or ask us for a new link.")
        return refuse(request, title, sentence, status=410, sends_links=True)
    return refuse_not_found(request, sends_links=True)


def page(*methods):
    """Return a decorator that makes a view one of the patient's pages, for these methods only.

    No token against CSRF is needed: no cookie or other ambient credential is ever read here. The token in the
    address is the only authority, and another site cannot know it. But another site could have its visitors hold
    times, each from a network of their own: what a form of another site posts is refused.
    """

    def decorate(view):
        @csrf_exempt
        @gzip_page  # safe against BREACH: without ambient credentials another site cannot request a patient's page
        @wraps(view)
        def wrapper(request, **kwargs):
            usage = counter().count_networks("pages", get_networks(request), settings.PAGES_PER_NETWORK)
            if usage and usage.is_exceeded:
                response = refuse_busy_network(request, usage)
            elif request.method == "POST" and comes_from_another_site(request):
                response = refuse_another_site(request)
            elif request.method in methods or (request.method == "HEAD" and "GET" in methods):
                response = view(request, **kwargs)
            else:
                sentence = _("This address only answers to a button on one of our pages.")
                response = refuse(request, _("There is nothing to see here"), sentence, status=405)
                response["Allow"] = ", ".join(methods)
            if request.method == "POST" and response.status_code == 302:
                response.status_code = 303  # 302 leaves the next method open; 303 makes it a GET
            allow_framing(request, response, is_entry=not {"token", "appointment"} & {*kwargs})
            response["Cache-Control"] = "no-store"
            response["Referrer-Policy"] = "no-referrer"
            patch_vary_headers(response, ["HX-Request"])
            if "token" in kwargs:
                response["X-Robots-Tag"] = "noindex, nofollow"
            return response

        return wrapper

    return decorate


def comes_from_another_site(request):
    """Return whether a browser says that a page of another site has sent the request.

    Our pages in a frame of the clinic's site are still ours. Their Origin may be "null", as they send no referrer.
    """
    if "Sec-Fetch-Site" in request.headers:
        return request.headers["Sec-Fetch-Site"] == "cross-site"
    origin = request.headers.get("Origin", "null")
    return origin != "null" and origin.lower().partition("://")[2] != request.get_host().lower()


def refuse_busy_network(request, usage):
    response = refuse(
        request,
        _("Many people are booking from where you are"),
        _("Your network has opened more pages in the last minute than we can show."),
        ngettext("Please try again in %(seconds)d second.", "Please try again in %(seconds)d seconds.", usage.resets_in)
        % {"seconds": usage.resets_in},
        status=429,
    )
    response["Retry-After"] = usage.resets_in
    return response


def refuse_another_site(request):
    return refuse(
        request,
        _("This came from another site"),
        _("A form on another site sent you here, so we did nothing. You can continue on our own pages."),
        status=403,
    )


def make_page_decorator(find, none_found, refuse_none):
    """Return a variant of ``page`` for views of ``(request, what find(token) returns)``.

    When ``find`` raises ``none_found``, ``refuse_none(request, error)`` is the response.
    """

    def page_of_found(*methods):
        def decorate(view):
            @page(*methods)
            @wraps(view)
            def wrapper(request, token):
                try:
                    found = find(token)
                except none_found as error:
                    return refuse_none(request, error)
                return view(request, found)

            return wrapper

        return decorate

    return page_of_found


appointment_page = make_page_decorator(
    lambda token: as_without_proof(settle(find_appointment(token))), AppointmentNotFound, refuse_link
)


def hold_page(*methods, done=False):
    """Like ``page``, for views of ``(request, HeldTime)``: of confirmed holds with ``done``, else of others."""

    def decorate(view):
        @page(*methods)
        @wraps(view)
        def wrapper(request, token, appointment=None):
            held = find_held_time(token, appointment)
            if held is None:
                return refuse_not_found(request)
            if held.hold.status == Hold.Status.RELEASED:
                return refuse_released(request, held)
            is_confirmed = held.hold.status == Hold.Status.CONFIRMED
            if is_confirmed != done:
                return redirect(held.done_url if is_confirmed else held.url)
            return view(request, held)

        return wrapper

    return decorate


def find_held_time(token, appointment=None):
    """Return the HeldTime that the tokens of an address open, or None."""
    try:
        hold, moves = find_hold(token), appointment and as_without_proof(settle(find_appointment(appointment)))
    except (HoldNotFound, AppointmentNotFound):
        return None
    if moves:
        return HeldTime(hold, token, moves) if moves.service_id == hold.service_id else None
    # What the link of an appointment holds is for that one alone: no visitor's limits were asked, as for a new booking.
    is_for_new = not hold.holder.startswith(APPOINTMENT_HOLDER) or hold.status == Hold.Status.CONFIRMED
    return HeldTime(hold, token) if is_for_new else None


def refuse_released(request, held):
    """Refuse a released hold."""
    sentence = (
        _("Your appointment keeps the time it had.")
        if held.moves
        else _("Nothing is booked, and the time is free again.")
    )
    onward = (_("See the free times"), held.get_times_url())
    return refuse(request, _("That time was given back"), sentence, status=410, onward=onward)


def get_note_context(held, now):
    """Return the template context of the line about a HeldTime, or None, on other pages."""
    seconds = held.hold.seconds_left(now) if held else 0
    return {"noted": held if seconds else None, "minutes": ceil(seconds / 60)}


def get_hold_context(request, held):
    """Return the template context of a held time: itself, its addresses and the seconds left."""
    hold, now, wish = held.hold, database_now(), held.get_search(request)
    return {
        "hold": hold,
        "moves": held.moves,
        "base": held.url,
        "times": held.get_times_url(hold=held.token, day=hold.local_start.date(), **wish),
        "wish": wish,
        "is_known": held.is_known,
        "seconds_left": hold.seconds_left(now),
        "is_early": hold.is_too_early_to_extend(now),
        "is_past_cutoff": now > hold.cutoff_at,
        "has_typed": any(value for name, value in get_typed_values(request.POST) if name != "who"),
    }
