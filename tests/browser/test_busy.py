"""A server that has too much to do, seen from a page that is open: it tells so, and goes on by itself."""

from email import message_from_bytes

import pytest
from playwright.sync_api import expect

from booking.models import Appointment
from booking.ops import overload_answers
from tests.browser.test_booking import choose_a_time, clinic, press, type_details  # noqa: F401

BUSY = "More people are here than we can answer at once. Nothing you typed is lost."


@pytest.fixture
def refuse(monkeypatch):
    """Have the requests for an address refused for some times, as the web server's loop refuses them."""
    monkeypatch.setattr(overload_answers, "MIN_SECONDS", 1)
    monkeypatch.setattr(overload_answers, "MAX_SECONDS", 1)

    def refuse(page, address, *, times):
        def answer(route):
            line = f"{route.request.method} / HTTP/1.1\r\n\r\n"
            head, _, body = overload_answers.write_refusal(line.encode()).partition(b"\r\n\r\n")
            headers = message_from_bytes(head.partition(b"\r\n")[2])
            route.fulfill(status=503, headers=dict(headers.items()), body=body)

        page.route(address, answer, times=times)

    return refuse


def test_form_that_is_refused_is_sent_again_and_the_countdown_goes_on(open_browser, clinic, day, at, refuse):  # noqa: F811
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    refuse(page, "**/confirm", times=2)
    left = page.locator(".clock").text_content()

    press(page, "Confirm appointment")

    expect(page.get_by_role("alert").filter(has_text=BUSY)).to_be_visible()
    expect(page.locator(".clock")).not_to_have_text(left)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    expect(page.locator("#trouble")).to_be_hidden()
    assert Appointment.objects.get().starts_at == at(9)


def test_time_that_was_pressed_is_the_one_that_is_held(open_browser, clinic, day, refuse):  # noqa: F811
    page = open_browser()
    page.goto(f"/book/consultation/?day={day}")
    refuse(page, "**/book/consultation/hold", times=1)

    page.get_by_role("button", name="10:00").click()

    expect(page.locator("#trouble")).to_contain_text(BUSY)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    expect(page.locator("main")).to_contain_text("10:00")


def test_form_is_not_sent_again_behind_something_else(open_browser, clinic, day, refuse):  # noqa: F811
    page = open_browser()
    page.clock.install()
    choose_a_time(page, day)
    type_details(page)
    press(page, "Continue")
    refuse(page, "**/confirm", times=1)
    confirmations = []
    page.on("request", lambda asked: asked.url.endswith("/confirm") and confirmations.append(asked.url))

    press(page, "Confirm appointment")
    expect(page.locator("#trouble")).to_contain_text(BUSY)
    press(page, "Change my details")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    page.clock.fast_forward(5_000)

    expect(page.locator("#trouble")).to_be_hidden()
    assert (len(confirmations), Appointment.objects.count()) == (1, 0)


def test_form_that_may_have_done_something_is_not_sent_again_by_itself(open_browser, clinic, day):  # noqa: F811
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    press(page, "Continue")
    page.route("**/confirm", lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}), times=1)

    press(page, "Confirm appointment")

    expect(page.locator("#trouble")).to_have_text(
        "That did not work. Nothing you typed is lost. Please try again in a moment."
    )
    press(page, "Confirm appointment")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
