"""An order's link and a request's page in a real browser."""

import pytest
from playwright.sync_api import expect

from booking.access.patient_links import appointment_token, order_token
from booking.domain.appointments import confirm, decline
from booking.domain.orders import send_link
from booking.models import Appointment
from booking.widget import appointment
from tests.browser.test_booking import choose_a_time, press, set_expiry, type_details


@pytest.fixture
def link(live_server, order, dana):
    send_link(order, actor="erin")
    return f"/order/{order_token(order)}/"


@pytest.fixture
def request_page(open_browser, live_server, dana, desk, day):
    """The page of a time that Alice has asked for in a browser, and that staff have to confirm."""

    def request_page(**options):
        page = open_browser(**options)
        choose_a_time(page, day)
        type_details(page)
        press(page, "Continue")
        press(page, "Request this appointment")
        expect(heading(page)).to_have_text("Your request is with the clinic")
        return page

    return request_page


def heading(page):
    return page.get_by_role("heading", level=1)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_order_is_booked_moved_and_cancelled_without_typing(open_browser, link, order, day, at, javascript):
    page = open_browser(javascript=javascript)
    page.goto(f"{link}?day={day}")
    page.get_by_role("button", name="09:00").click()
    expect(heading(page)).to_have_text("Check and confirm")
    expect(page.get_by_role("textbox")).to_have_count(0)
    set_expiry(minutes=4)
    page.reload()
    press(page, "Need more time?")
    expect(page.locator("main").get_by_text("You have more time now.")).to_be_visible()
    press(page, "Confirm appointment")
    expect(heading(page)).to_have_text("You are booked")
    assert Appointment.objects.get().order == order

    page.goto(link)
    expect(heading(page)).to_have_text("Your appointment is confirmed")
    page.get_by_role("link", name="Choose another time").click()
    page.get_by_role("link", name="Later days").click()
    page.locator(f"#day-{day}").click()
    expect(page.locator(f"#day-{day}")).to_have_attribute("aria-current", "date")
    page.get_by_role("button", name="10:30").click()
    expect(heading(page)).to_have_text("Is this the new time?")
    assert Appointment.objects.get().starts_at == at(9)
    press(page, "Take the new time")
    expect(heading(page)).to_have_text("Your appointment has moved")
    expect(page.locator(".summary").get_by_text(", 10:30")).to_be_visible()
    assert Appointment.objects.get().starts_at == at(10, 30)

    page.get_by_role("link", name="Cancel the appointment").click()
    page.get_by_label("I am not well enough to come").check()
    press(page, "Cancel the appointment")
    expect(heading(page)).to_have_text("This appointment is cancelled")
    assert Appointment.objects.get().cancellation_reason == "patient_unwell"


def test_back_from_review_shows_own_time(open_browser, link, day):
    page = open_browser()
    page.goto(f"{link}?day={day}")
    page.get_by_role("button", name="09:00").click()
    expect(heading(page)).to_have_text("Check and confirm")

    page.go_back()

    expect(page.get_by_role("button", name="Held for you")).to_contain_text("09:00")


@pytest.mark.parametrize(
    "decide, outcome",
    [
        (confirm, "You are booked"),
        (decline, "The clinic could not confirm this"),
    ],
)
def test_request_page_updates_after_staff_decide(request_page, decide, outcome):
    page = request_page()
    page.evaluate("window.stays = true")

    decide(Appointment.objects.get(), actor="staff:1")

    expect(heading(page)).to_have_text(outcome)
    expect(page.locator("#say")).to_have_text(outcome)
    expect(page).to_have_title(f"{outcome} – Harbour Clinic")
    assert page.evaluate("window.stays")  # it was not loaded anew
    expect(page.locator("#looking")).to_have_count(0)


@pytest.mark.proof
def test_request_page_polls_silently_and_survives_network_errors(request_page, monkeypatch):
    monkeypatch.setattr(appointment, "PAUSES", [1] * 50)
    page = request_page()
    address = page.url
    link = page.get_by_role("link", name="Withdraw the request")
    link.focus()
    with page.expect_response("**/outcome?*"), page.expect_response("**/outcome?*looked=3"):
        pass
    expect(link).to_be_focused()
    assert page.url == address
    expect(page.locator("#say")).to_have_text("")

    page.context.set_offline(True)
    page.wait_for_event("requestfailed")
    expect(page.locator("#trouble")).to_be_hidden()
    page.context.set_offline(False)
    confirm(Appointment.objects.get(), actor="staff:1")
    expect(heading(page)).to_have_text("You are booked")


def test_request_page_without_javascript_offers_reload(request_page):
    page = request_page(javascript=False)

    confirm(Appointment.objects.get(), actor="staff:1")
    page.get_by_role("link", name="Check again").click()

    expect(heading(page)).to_have_text("Your appointment is confirmed")
    assert page.url.endswith(f"/appointment/{appointment_token(Appointment.objects.get())}/")
