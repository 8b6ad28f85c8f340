"""The way on where many people are booking: the browser does some work first, or a link is sent by e-mail."""

from urllib.parse import urlencode

from django.urls import reverse

from booking.access.client_identity import get_networks
from booking.access.patient_links import appointment_token
from booking.access.proof_of_work import make_challenge
from booking.models import Hold
from booking.ops.metrics.counted import count_refusal
from booking.widget.forms import LinkForm, write_picked
from booking.widget.held_time import HeldTime
from booking.widget.pages import KNOWN_STEPS, show
from scheduling.models import Clinician, Location

WORK = "proof_of_work"
WITHOUT_WORK = "without_work"  # pressed where the browser cannot do it
MAX_AUTOMATIC = 2  # so often the work is posted without a press


def get_shown(request):
    """Return what the request shows of scarcity.Visitor."""
    return {"proof_of_work": request.POST.get(WORK, ""), "can_work": WITHOUT_WORK not in request.POST}


def ask_for_proof(request, error, picked, *, action, moves=None):
    """Return the page on which a visitor goes on after NeedsProof: it posts the same form to ``action`` again."""
    count_refusal("needs-proof")
    query = get_link_query(picked, moves)
    link = reverse("widget:proof", args=[error.service.slug])
    context = get_time_context(error.service, picked, moves) | {"link": link, "link_inputs": query.items()}
    if needs_link(request, error):
        response = show(request, "widget/link.html", context | {"form": LinkForm()}, status=429)
        response["Retry-After"] = error.retry_after
        return response
    tries = len(request.POST.getlist("tried"))
    inputs = [(name, value) for name, values in request.POST.lists() if name != WORK for value in values]
    context |= {
        "action": action,
        "inputs": [*inputs, ("tried", "1")],
        "is_automatic": tries < MAX_AUTOMATIC,
        "challenge": make_challenge(get_networks(request).network, price=error.price),
        "link_query": urlencode(query),
    }
    return show(request, "widget/work.html", context, status=429)


def needs_link(request, error):
    """Return whether only the link by e-mail will do: work alone is not enough, or the browser cannot do it."""
    return error.price is None or WITHOUT_WORK in request.POST


def get_link_query(picked, moves=None):
    """Return what the page that sends a link has to know."""
    return {"opening": write_picked(picked)} | ({"appointment": appointment_token(moves)} if moves else {})


def get_time_context(service, picked, moves=None):
    """Return the template context of a page that keeps a Picked time in view; without one, just of the service.

    "times" is the address of the times that it is among.
    """
    context = {"service": service, "steps": KNOWN_STEPS, "step": 1} if moves else {"service": service, "step": 2}
    location = picked and Location.objects.filter(pk=picked.location_id).first()
    if location is None:
        return context | {"times": HeldTime(Hold(service=service), "", moves).get_times_url()}
    clinician = picked.clinician_id and Clinician.objects.filter(pk=picked.clinician_id).first()
    hold = Hold(
        service=service,
        location=location,
        starts_at=picked.starts_at,
        is_remote=picked.is_remote,
        price=service.price,
        currency=service.currency,
    )
    wish = {"day": hold.local_start.date(), "where": "video" if hold.is_remote else location.pk}
    wish |= {"clinician": picked.clinician_id} if picked.clinician_id else {}
    times = HeldTime(hold, "", moves).get_times_url(**wish)
    return context | {"hold": hold, "clinician": clinician, "moves": moves, "times": times}
