"""The patients' pages in a frame of the clinic's own site, which is another origin."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from booking.models import Appointment, EmbeddingSite
from booking.models.embedding import recent_sites
from tests.browser.test_booking import type_details

PAGE = """<!doctype html><html lang="en"><title>Harbour Clinic</title><h1>Our clinic</h1>
<script src="{site}/embed.js" data-service="consultation" data-lang="en" async></script>
<p id="booked"></p>
<script>addEventListener("booked", () => {{ document.getElementById("booked").textContent += "Booked!"; }})</script>"""


@pytest.fixture
def host(live_server):
    """The address of the clinic's own site."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(PAGE.format(site=live_server.url).encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_booking_in_a_frame_of_another_site(chromium, host, dana, consultation, day):
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(host)
    # Not listed: the link stays.
    expect(page.get_by_role("link", name="Book an appointment")).to_be_visible()
    assert page.locator("iframe").evaluate("frame => frame.style.height") == "0px"

    EmbeddingSite.objects.create(origin=host)
    recent_sites.forget()
    page.reload()
    expect(page.get_by_role("link", name="Book an appointment")).to_be_hidden()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Choose a time")
    if not frame.locator(f"#day-{day}").count():
        frame.locator("#later").click()
    frame.locator(f"#day-{day}").click()
    frame.get_by_role("button", name="09:00").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Your details")
    type_details(frame)
    frame.get_by_role("button", name="Continue").last.click()
    frame.get_by_role("button", name="Confirm appointment").last.click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("You are booked")

    expect(page.locator("#booked")).to_have_text("Booked!")
    assert Appointment.objects.count() == 1
    # It has grown with its content: nothing in it scrolls.
    inner, outer = (
        frame.locator("html").evaluate("root => root.scrollHeight"),
        page.locator("iframe").evaluate("frame => frame.clientHeight"),
    )
    assert abs(inner - outer) <= 1
    assert context.cookies() == []
    context.close()
