"""Error pages for staff, and the log on the pages of bookings and orders."""

import re

from booking.admin.events import EVENT_LABELS
from booking.models import WebhookEndpoint
from tests.booking.admin.pages import get_text, url


def test_error_page_links_staff_back_to_admin(erin, client):
    assert erin.get("/admin/auth/user/").status_code == 403
    for page in ("/admin/auth/user/", "/admin/nowhere/"):
        assert re.findall(r'class="button" href="(.*?)">(.*?)<', erin.get(page).text) == [
            ("/admin/", "Back to the clinic")
        ]
    for browser in (erin, client):
        assert "Book an appointment" in get_text(browser.get("/nowhere/"))


def test_log_labels_cover_announced_event_kinds():
    kinds = [kind for kind in WebhookEndpoint.Kind.values if kind.startswith(("hold.", "appointment.", "order."))]

    assert [kind for kind in kinds if kind not in EVENT_LABELS] == []


def test_log_shows_event_data_as_text(erin, book, at):
    appointment = book(at(9))
    erin.post(url("booking_appointment", "move", appointment.pk, "cancel"), {"reason": "patient_unwell", "note": ""})

    page = get_text(erin.get(url("booking_appointment", "change", appointment.pk)))

    assert f"Cancelled {erin.user} Confirmed Cancelled reason: the patient is unwell" in page


def test_log_times_are_in_locations_zone(erin, order, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    erin.post(url("booking_order", "send_link", order.pk))

    page = get_text(erin.get(url("booking_order", "change", order.pk)))

    assert re.search(r"The link was e-mailed erin good until: \w{3} \d+ \w{3} \d{4}, \d\d:\d\d (GMT|BST|UTC)", page)
