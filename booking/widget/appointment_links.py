"""The page that sends somebody the links of their appointments again. It says the same whether there are any."""

from functools import partial

from django.urls import reverse

from booking.domain.verification import send_appointment_links
from booking.widget.forms import AddressForm
from booking.widget.mailed_links import answer_link_request
from booking.widget.pages import page
from scheduling.lib.languages import get_language_to_keep


@page("GET", "POST")
def send_links(request):
    """Ask for an e-mail address, and have the links of its upcoming appointments sent there."""
    return answer_link_request(
        request,
        AddressForm(request.POST if request.method == "POST" else None),
        {"here": reverse("widget:links")},
        policy="appointment-links",
        page="widget/links.html",
        sent_page="widget/links_sent.html",
        send=partial(send_appointment_links, language=get_language_to_keep()),
    )
