"""Error pages for staff, and the log on the pages of bookings and orders."""

import re

from booking.admin.event_sentences import SENTENCES
from booking.models.enums import EventKind
from tests.booking.admin.pages import get_text, url


def test_error_page_links_staff_back_to_admin(erin, client):
    assert erin.get("/admin/auth/user/").status_code == 403
    for page in ("/admin/auth/user/", "/admin/nowhere/"):
        assert re.findall(r'class="button" href="(.*?)">(.*?)<', erin.get(page).text) == [
            ("/admin/", "Back to the clinic")
        ]
    for browser in (erin, client):
        assert "Book an appointment" in get_text(browser.get("/nowhere/"))


def test_log_has_a_sentence_for_every_kind_of_event():
    assert [kind for kind in EventKind if kind not in SENTENCES] == []


def test_log_shows_event_data_as_text(erin, book, at):
    appointment = book(at(9))
    erin.post(url("booking_appointment", "move", appointment.pk, "cancel"), {"reason": "patient_unwell", "note": ""})

    page = get_text(erin.get(url("booking_appointment", "change", appointment.pk)))

    assert "Erin cancelled the visit : the patient is unwell; it was confirmed." in page.replace("visit:", "visit :")


def test_log_times_are_in_locations_zone(erin, order, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    erin.post(url("booking_order", "send_link", order.pk))

    page = get_text(erin.get(url("booking_order", "change", order.pk)))

    assert re.search(
        r"Erin mailed the link of the order , good until \w{3} \d+ \w{3} \d{4}, \d\d:\d\d (GMT|BST|UTC)", page
    )
