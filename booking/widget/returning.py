"""Been here before? The pages that send a code to the contact on file, take it, and list the visits to come.

What a right code proves stands in the address as ``me``, as a hold's token does, and ends half an hour later.
"""

from contextlib import suppress
from urllib.parse import urlencode

from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse

from booking.access.client_identity import get_widest_network_id
from booking.access.patient_links import appointment_token
from booking.domain.contact_codes import (
    CodeNotFound,
    TooManyCodes,
    WrongCode,
    ask_for_code,
    find_asked,
    find_proof,
    prove_contact,
)
from booking.domain.holds import note_verified_email
from booking.domain.transitions import ChangedMeanwhile
from booking.widget.contact_form import CodeForm, ContactForm
from booking.widget.forms import get_kept
from booking.widget.pages import find_held_time, page, show


def get_proof(request):
    """Return the Proof that the request's ``me`` was given for, or None."""
    return find_proof(request.POST.get("me") or request.GET.get("me") or "")


@page("GET", "POST")
def ask(request):
    """Ask for a contact and a birth date, and have a code sent if somebody here has them."""
    kept = _read_kept(request)
    has_texts = settings.SMS_BACKEND != "none"
    form = ContactForm(request.POST if request.method == "POST" else None, has_texts=has_texts)
    context = {"form": form, "kept": kept.items(), "back": _get_back(kept), "has_texts": has_texts}
    if not form.is_valid():
        return show(request, "widget/returning.html", context, status=422 if form.is_bound else 200)
    try:
        token = ask_for_code(form.contact, network=get_widest_network_id(request))
    except TooManyCodes as error:
        response = show(request, "widget/returning.html", context | {"too_many": error.message}, status=429)
        response["Retry-After"] = error.retry_after
        return response
    return redirect(reverse("widget:returning_code", args=[token], query=kept))


@page("GET", "POST")
def code(request, token):
    """Take the code. The page is the same whether one was sent or not."""
    kept = _read_kept(request)
    context = {"kept": kept.items(), "back": _get_back(kept), "again": _get_address("widget:returning", kept)}
    try:
        context["contact"] = find_asked(token)
        form = context["form"] = CodeForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            return go_on(request, prove_contact(token, form.cleaned_data["code"]), kept)
    except WrongCode as error:
        form.refuse(error.tries_left)
        if not error.tries_left:
            return show(request, "widget/returning_ended.html", context, status=410)
    except CodeNotFound:
        return show(request, "widget/returning_ended.html", context, status=410)
    return show(request, "widget/returning_code.html", context, status=422 if form.is_bound else 200)


def go_on(request, proof, kept):
    """Return to the time that is held, or show the visits to come."""
    held = find_held_time(kept["hold"]) if "hold" in kept else None
    if held and not held.is_known:
        if proof.email_id:
            with suppress(ChangedMeanwhile):  # then it is booked as without a proof
                note_verified_email(held.hold, proof.email_id)
        return redirect(f"{held.url}?{urlencode({'me': proof.token})}")
    return redirect(reverse("widget:me", query=kept | {"me": proof.token}))


@page("GET")
def visits(request):
    """List the visits to come of the people of a proven contact, with their links, and offer another one."""
    proof = get_proof(request)
    kept = _read_kept(request)
    if proof is None:
        return redirect(_get_address("widget:returning", kept))
    held = find_held_time(kept["hold"]) if "hold" in kept else None
    context = {
        "people": proof.people,
        "visits": [(visit, appointment_token(visit)) for visit in proof.list_coming_visits()],
        "held_url": f"{held.url}?{urlencode({'me': proof.token})}" if held else "",
        "book": _get_address("widget:services", kept | {"me": proof.token}),
    }
    response = show(request, "widget/returning_visits.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def get_returning_links(request, held):
    """Return the addresses of the page that asks for a contact, and of the visits of who has proved one."""
    hold = {"hold": held.token}
    me = held.get_search(request).get("me")
    return {
        "returning": reverse("widget:returning", query=hold),
        "me": me and reverse("widget:me", query=hold | {"me": me}),
    }


def _read_kept(request):
    """Return what is known already, of the query, but for what another code has proved."""
    kept = get_kept(request.POST if request.method == "POST" else request.GET)
    return {name: value for name, value in kept.items() if name != "me"}


def _get_back(kept):
    """Return the address of the page that one has come from."""
    held = find_held_time(kept["hold"]) if "hold" in kept else None
    return held.url if held else _get_address("widget:services", kept)


def _get_address(name, query):
    return reverse(name, query=query) if query else reverse(name)
