"""The page that sends somebody the links of their appointments again. It says the same whether there are any."""

from django.urls import reverse

from booking.access.client_identity import get_networks
from booking.access.rate_limits import counter
from booking.domain.verification import send_appointment_links
from booking.widget.forms import AddressForm
from booking.widget.pages import page, show
from scheduling.lib.languages import get_language_to_keep

MAX_LINKS_PER_MINUTE = 5  # of one network


@page("GET", "POST")
def send_links(request):
    """Ask for an e-mail address, and have the links of its upcoming appointments sent there."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "here": reverse("widget:links")}
    if not form.is_valid():
        return show(request, "widget/links.html", context, status=422 if form.is_bound else 200)
    usage = counter().count_networks("appointment-links", get_networks(request), MAX_LINKS_PER_MINUTE)
    if usage and usage.is_exceeded:
        response = show(request, "widget/links.html", context | {"is_too_fast": True}, status=429)
        response["Retry-After"] = usage.resets_in
        return response
    send_appointment_links(form.cleaned_data["email"], language=get_language_to_keep())
    return show(request, "widget/links_sent.html", context | {"address": form.cleaned_data["email"]})
