"""What the pages share that ask for an e-mail address and have links sent there: they say the same to everybody."""

from booking.access.client_identity import get_networks
from booking.access.rate_limits import counter
from booking.widget.pages import show

MAX_REQUESTS_PER_MINUTE = 5  # of one network


def answer_link_request(request, form, context, *, policy, page, sent_page, send):
    """Show ``page`` with the form until it is valid, then call ``send(address)`` and show ``sent_page``.

    ``policy`` is what the requests of a network are counted under; too many get the page again, as 429.
    """
    context = context | {"form": form}
    if not form.is_valid():
        return show(request, page, context, status=422 if form.is_bound else 200)
    usage = counter().count_networks(policy, get_networks(request), MAX_REQUESTS_PER_MINUTE)
    if usage and usage.is_exceeded:
        response = show(request, page, context | {"is_too_fast": True}, status=429)
        response["Retry-After"] = usage.resets_in
        return response
    send(form.cleaned_data["email"])
    return show(request, sent_page, context | {"address": form.cleaned_data["email"]})
