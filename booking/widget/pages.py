"""What all the patient's pages have in common."""

from functools import wraps

from django.conf import settings
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page

from booking.holds import HoldNotFound, find_hold
from scheduling.slots import database_now

STEPS = ["Service", "Time", "Details", "Check"]


def show(request, template, context=None, *, status=200):
    """Render a page; for htmx only what changes in it."""
    layout = "widget/_page.html" if request.htmx else "widget/base.html"
    context = {"clinic_name": settings.CLINIC_NAME, "layout": layout, "steps": STEPS} | (context or {})
    response = render(request, template, context, status=status)
    if request.htmx and status >= 400:
        response["HX-Push-Url"] = "false"  # the address stays that of the last page that worked
    return response


def refuse(request, title, *sentences, status, service=None):
    """Show a page that says why there is nothing to see."""
    context = {"title": title, "sentences": sentences, "service": service}
    return show(request, "widget/refused.html", context, status=status)


def page(*methods):
    """Make a view one of the patient's pages, for these methods only.

    It needs no protection against cross-site requests: no cookie or other ambient credential is ever
    read here, the hold's token in the address is the only authority, and another site cannot know it.
    """

    def decorate(view):
        @csrf_exempt
        @gzip_page  # safe here: without ambient credentials another site cannot have a page compressed for it
        @wraps(view)
        def wrapper(request, **kwargs):
            if request.method in methods or (request.method == "HEAD" and "GET" in methods):
                response = view(request, **kwargs)
            else:
                sentence = "This address only answers to a button on one of our pages."
                response = refuse(request, "There is nothing to see here", sentence, status=405)
                response["Allow"] = ", ".join(methods)
            if request.method == "POST" and response.status_code == 302:
                response.status_code = 303  # what follows is a GET; 302 leaves that open
            response["Cache-Control"] = "no-store"
            response["Referrer-Policy"] = "no-referrer"
            patch_vary_headers(response, ["HX-Request"])
            if "token" in kwargs:
                response["X-Robots-Tag"] = "noindex, nofollow"
            return response

        return wrapper

    return decorate


def hold_page(*methods, done=False):
    """Like page, for a view of ``(request, hold)``. With ``done``, confirmed holds only; else none of them."""

    def decorate(view):
        @page(*methods)
        @wraps(view)
        def wrapper(request, token):
            try:
                hold = find_hold(token)
            except HoldNotFound:
                return refuse(request, "We cannot find that", "The address may be incomplete, or too old.", status=404)
            if hold.status == hold.Status.RELEASED:
                return given_back(request, hold)
            confirmed = hold.status == hold.Status.CONFIRMED
            if confirmed and not done:
                return redirect("widget:done", token)
            if done and not confirmed:
                return redirect("widget:details", token)
            return view(request, hold)

        return wrapper

    return decorate


def given_back(request, hold):
    """Say that a hold was released."""
    sentence = "Nothing is booked, and the time is free again."
    return refuse(request, "That time was given back", sentence, status=410, service=hold.service)


def hold_context(hold):
    """Return what a page shows of a hold: itself, its secret and how long it still lives."""
    return {"hold": hold, "token": hold.token, "seconds_left": hold.seconds_left(database_now())}
