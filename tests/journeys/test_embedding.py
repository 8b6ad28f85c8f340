"""The patients' pages in a frame of another site, in a browser that keeps nothing for such frames."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from booking.models import Appointment
from tests.conftest import FLAGS
from tests.journeys.clinic import PHONE, Person

PAGE = """<!doctype html><html lang="en"><title>The village</title>
<meta name="viewport" content="width=device-width"><h1>Our village</h1><p>See a doctor nearby.</p>
<script src="{site}/embed.js" data-service="gp-consultation" data-lang="en" async></script>
<p id="booked"></p>
<script>addEventListener("booked", () => {{ document.getElementById("booked").textContent = "Booked!"; }})</script>"""


@pytest.fixture
def village(clinic):
    """The address of another site, whose pages have the clinic's in a frame."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(PAGE.format(site=clinic.address).encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", urlsplit(clinic.village).port), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield clinic.village
    server.shutdown()
    server.server_close()


def test_booking_in_a_frame_without_third_party_cookies(clinic, chromium_path, chromium, village):
    flags = [*FLAGS, "--test-third-party-cookie-phaseout"]
    with chromium.browser_type.launch(executable_path=chromium_path, args=flags) as browser:
        page = browser.new_page(viewport=PHONE, locale="en-GB", timezone_id="Europe/London")
        ada = Person(clinic, page, "Ada Lowe")
        frame = page.frame_locator("iframe")
        ada.open(village)
        expect(frame.get_by_role("heading", level=1)).to_have_text("Choose a time")
        assert frame.locator("html").evaluate("() => { document.cookie = 'a=1'; return document.cookie; }") == ""
        ada.photograph("frame 1 times", height=1400)
        frame.locator("#later").click()
        frame.locator(".slot").first.click()
        expect(frame.get_by_role("heading", level=1)).to_have_text("Your details")
        for label, text in {
            "First name": ada.first_name,
            "Last name": ada.last_name,
            "Month": "April",
            "Year": "1985",
        }.items():
            frame.get_by_label(label).fill(text)
        frame.get_by_label("Day", exact=True).fill("12")
        frame.get_by_role("textbox", name="E-mail address").fill(ada.email)
        ada.photograph("frame 2 details", height=1800)
        frame.get_by_role("button", name="Continue").last.click()
        frame.get_by_role("button", name="Confirm appointment").last.click()
        expect(frame.get_by_role("heading", level=1)).to_have_text("You are booked")
        expect(page.locator("#booked")).to_have_text("Booked!")
        ada.photograph("frame 3 booked", dark=True, height=1800)
        assert ada.receive().subject.startswith("Your appointment at Harbour Clinic, ")
        assert Appointment.objects.filter(attendee_email=ada.email).count() == 1
        assert page.context.cookies() == []
