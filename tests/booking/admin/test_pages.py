"""What admin says when something goes wrong, and how the log is read."""

import re

from booking.admin.events import EVENT_LABELS
from booking.models import WebhookEndpoint
from tests.booking.admin.pages import shown, url


def test_staff_are_shown_the_way_back_to_the_clinic(erin, client):
    assert erin.get("/admin/auth/user/").status_code == 403
    for page in ("/admin/auth/user/", "/admin/nowhere/"):
        assert re.findall(r'class="button" href="(.*?)">(.*?)<', erin.get(page).text) == [
            ("/admin/", "Back to the clinic")
        ]
    for browser in (erin, client):
        assert "Book an appointment" in shown(browser.get("/nowhere/"))


def test_the_log_has_words_for_whatever_is_announced_of_bookings():
    kinds = [kind for kind in WebhookEndpoint.Kind.values if kind.startswith(("hold.", "appointment.", "order."))]

    assert [kind for kind in kinds if kind not in EVENT_LABELS] == []


def test_the_log_is_written_in_words(erin, book, at):
    appointment = book(at(9))
    erin.post(url("booking_appointment", "move", appointment.pk, "cancel"), {"reason": "patient_unwell", "note": ""})

    page = shown(erin.get(url("booking_appointment", "change", appointment.pk)))

    assert f"Cancelled {erin.user} Confirmed Cancelled reason: the patient is unwell" in page


def test_times_in_the_log_are_those_of_the_place(erin, order, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    erin.post(url("booking_order", "send_link", order.pk))

    page = shown(erin.get(url("booking_order", "change", order.pk)))

    assert re.search(r"The link was e-mailed erin good until: \w{3} \d+ \w{3} \d{4}, \d\d:\d\d (GMT|BST|UTC)", page)
