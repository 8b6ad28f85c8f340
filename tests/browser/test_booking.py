"""A patient books in a real browser."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from booking.domain.holds import Holder, place_hold, release_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Hold, SolvedChallenge
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Location, Slot
from tests.conftest import make_clinician


@pytest.fixture
def clinic(live_server, dana):
    """A clinic with Dana in it, on a real server."""
    return dana


def choose_a_time(page, day, time="09:00"):
    page.goto("/")
    page.get_by_role("link", name="Consultation").click()
    page.get_by_role("link", name="Later days").click()
    page.locator(f"#day-{day}").click()
    expect(page.locator(f"#day-{day}")).to_have_attribute("aria-current", "date")
    page.get_by_role("button", name=time).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")


def type_details(page):
    page.get_by_label("First name").fill("Alice")
    page.get_by_label("Last name").fill("Archer")
    page.get_by_label("Day", exact=True).fill("12")
    page.get_by_label("Month").fill("April")
    page.get_by_label("Year").fill("1985")
    page.get_by_role("textbox", name="E-mail address").fill("Alice@Example.org")
    page.get_by_label("Phone number").fill("020 7946 0123")


def press(page, name):
    page.get_by_role("button", name=name).last.click()


def set_expiry(**left):
    """Let the live hold expire that long from now."""
    expires_at = database_now() + timedelta(**left)
    Hold.objects.filter(status="active").update(expires_at=expires_at)
    Slot.objects.filter(expires_at__isnull=False).update(expires_at=expires_at)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_booking_from_service_to_confirmation(open_browser, clinic, day, at, javascript):
    page = open_browser(javascript=javascript)
    choose_a_time(page, day)

    press(page, "Continue")
    expect(page.get_by_role("alert").get_by_text("Please enter your name: one of the two is enough.")).to_be_visible()
    type_details(page)
    if javascript:
        expect(page.get_by_role("button", name="Need more time?")).to_be_hidden()
    set_expiry(minutes=4)
    page.evaluate("htmx.trigger('#countdown', 'resync')") if javascript else None
    press(page, "Need more time?")
    expect(page.locator("main").get_by_text("You have more time now.")).to_be_visible()
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    expect(page.get_by_text("12 April 1985")).to_be_visible()
    press(page, "Change my details")
    page.get_by_label("Last name").fill("Archer-Bell")
    press(page, "Continue")
    press(page, "Confirm appointment")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    appointment = Appointment.objects.get()
    expect(page.get_by_text(appointment.reference)).to_be_visible()
    assert (appointment.starts_at, appointment.clinician, appointment.status) == (at(9), clinic, "confirmed")
    patient = Patient.objects.get()
    assert (str(patient), patient.email, patient.phone) == ("Alice Archer-Bell", "alice@example.org", "+442079460123")
    page.reload()
    expect(page.get_by_text(appointment.reference)).to_be_visible()


def test_expired_hold_keeps_typed_details_and_is_held_again(open_browser, clinic, day, at):
    page = open_browser()
    choose_a_time(page, day)
    set_expiry(seconds=4)
    page.reload()
    type_details(page)

    expect(page.get_by_text("This time is no longer held for you.")).to_be_visible()
    expect(page.get_by_text("What you typed is still here.", exact=True)).to_be_visible()
    expect(page.locator("#say")).to_contain_text("no longer held for you. What you typed is still here.")
    expect(page.get_by_label("First name")).to_have_value("Alice")
    press(page, "Hold it again")
    expect(page.get_by_text("Held for you until")).to_be_visible()
    expect(page.get_by_label("First name")).to_have_value("Alice")
    press(page, "Continue")
    press(page, "Confirm appointment")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert Appointment.objects.get().starts_at == at(9)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_lost_time_is_replaced_by_alternative(open_browser, clinic, harbour, consultation, day, at, javascript):
    page = open_browser(javascript=javascript)
    choose_a_time(page, day)
    type_details(page)
    set_expiry(seconds=-1)
    place_hold(
        OpeningRequest(consultation, at(9), clinic, harbour, is_remote=False),
        holder=Holder("bob's phone"),
        actor="patient",
    )
    press(page, "Continue")
    press(page, "Hold it again")

    expect(page.get_by_role("heading", name="That time has just been taken")).to_be_visible()
    press(page, "09:30")
    expect(page.get_by_text("Held for you until")).to_be_visible()
    press(page, "Continue")
    press(page, "Confirm appointment")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert Appointment.objects.get().starts_at == at(9, 30)


def test_back_shows_own_time_and_another_replaces_it(open_browser, clinic, day, at):
    page = open_browser()
    choose_a_time(page, day)
    page.get_by_label("First name").fill("Alice")

    page.go_back()
    own = page.get_by_role("button", name="Held for you")
    expect(own).to_contain_text("09:00")
    own.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    assert Hold.objects.count() == 1

    page.get_by_role("link", name="Change the time").click()
    page.get_by_role("button", name="10:30").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    expect(page.get_by_label("First name")).to_have_value("Alice")
    assert Hold.objects.get(status="active").starts_at == at(10, 30)


def test_back_from_review_keeps_typed_details(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")

    page.go_back()

    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    expect(page.get_by_label("Last name")).to_have_value("Archer")


def test_day_and_filters_are_in_url(open_browser, clinic, day):
    page, tomorrow = open_browser(), day + timedelta(days=1)
    page.goto(f"/book/consultation/?start={day}")
    link = page.locator(f"#day-{tomorrow}")
    link.click()
    expect(link).to_have_attribute("aria-current", "date")
    expect(link).to_be_focused()
    expect(page.locator("#say")).to_have_text(f"14 free times on {tomorrow:%A} {tomorrow.day} {tomorrow:%B}")
    assert page.url.endswith(f"?day={tomorrow}")

    page.reload()
    expect(link).to_have_attribute("aria-current", "date")
    page.go_back()
    expect(link).not_to_have_attribute("aria-current", "date")


def test_taken_time_is_reported_in_place(open_browser, clinic, day):
    page, other = open_browser(), open_browser(name="Bob's phone")
    page.route("**/changes/*", lambda route: route.abort())  # it is pressed before the page knows
    page.goto(f"/book/consultation/?day={day}")
    choose_a_time(other, day)

    page.get_by_role("button", name="09:00").click()

    notice = page.get_by_role("alert").filter(has_text="That time has just been taken")
    expect(notice).to_be_focused()
    notice.get_by_role("button", name="09:30").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")


def test_time_taken_elsewhere_greys_out_where_it_stands(open_browser, clinic, day, at, hold_time):
    page = open_browser()
    page.goto(f"/book/consultation/?day={day}")
    nine, next_one = (page.get_by_role("button", name=time) for time in ("09:00", "09:30"))
    nine.focus()
    place = next_one.bounding_box()

    hold = hold_time(at(9))

    expect(nine).to_have_class(re.compile("taken"), timeout=15_000)
    expect(nine).to_be_focused()
    expect(page.locator("#say")).to_have_text("09:00 has just been taken.")
    expect(page.locator(f"#day-{day} .count")).to_have_text("13")
    assert next_one.bounding_box() == place

    release_hold(hold, actor="patient")

    expect(nine).not_to_have_class(re.compile("taken"), timeout=15_000)


def test_countdown_counts_warns_and_is_announced(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    countdown = page.locator("#countdown")
    expect(countdown.get_by_role("timer")).to_have_text("14:59")
    expect(countdown).not_to_have_class("countdown short")
    expect(page.locator("#say")).to_have_text("")

    set_expiry(minutes=2, seconds=3)
    page.reload()
    expect(countdown.get_by_role("timer")).to_have_text("2:01")
    expect(page.locator("#say")).to_have_text(
        "Your time is held for 2 more minutes. To keep it longer, press “Need more time?”."
    )
    expect(countdown).to_have_class("countdown short")


def test_countdown_is_corrected_after_phone_slept(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    set_expiry(seconds=-1)

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.get_by_text("This time is no longer held for you.")).to_be_visible()


def test_typed_details_survive_reload_and_expiry_and_end_with_the_visit(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    page.get_by_label("Anything the clinic should know?").fill("I come with my dog.")
    page.reload()
    expect(page.get_by_label("First name")).to_have_value("Alice")
    expect(page.get_by_label("Anything the clinic should know?")).to_have_value("I come with my dog.")

    set_expiry(seconds=-1)
    page.reload()
    expect(page.get_by_text("This time is no longer held for you.")).to_be_visible()
    expect(page.get_by_text("What you typed is still here.", exact=True)).to_be_visible()
    expect(page.get_by_label("Last name")).to_have_value("Archer")
    held = page.url

    page.goto("/")  # somebody else at the same computer
    page.goto(held)
    expect(page.get_by_text("This time is no longer held for you.")).to_be_visible()
    expect(page.get_by_text("What you typed is still here.", exact=True)).to_be_hidden()
    expect(page.get_by_label("First name")).to_have_value("")


def test_typed_details_are_forgotten_after_their_deadline(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    page.evaluate(
        """() => {
            const held = JSON.parse(sessionStorage.getItem("holdfast.held"));
            sessionStorage.setItem("holdfast.held", JSON.stringify({ ...held, until: Date.now() - 1 }));
        }"""
    )
    page.reload()
    expect(page.get_by_label("First name")).to_have_value("")
    assert "Alice" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_hold_is_shown_on_other_pages(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    page.get_by_label("First name").fill("Alice")

    page.get_by_role("banner").get_by_role("link").click()
    expect(page.locator("#hold-note")).to_contain_text(
        f"You hold {day:%a} {day.day} {day:%b}, 09:00 for 15 more minutes."
    )
    page.get_by_role("link", name="Continue with it").click()
    expect(page.get_by_label("First name")).to_have_value("Alice")
    expect(page.locator("#hold-note")).to_have_text("")


def test_more_time_changes_the_countdown_alone(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    set_expiry(minutes=4)
    page.evaluate("htmx.trigger('#countdown', 'resync')")
    page.evaluate("document.getElementById('details').dataset.same = 'yes'")

    page.get_by_role("button", name="Need more time?").press("Enter")
    expect(page.locator("#countdown").get_by_text("You have more time now.")).to_be_visible()
    expect(page.locator("#countdown .running p")).to_be_focused()
    expect(page.locator("#details")).to_have_attribute("data-same", "yes")
    expect(page.locator("#say")).to_have_text("You have more time now.")


def test_hold_expired_during_review_is_held_again_there(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    set_expiry(seconds=-1)
    press(page, "Confirm appointment")

    expect(page.get_by_role("alert").filter(has_text="This time is no longer held for you")).to_be_focused()
    expect(page.get_by_role("button", name="Confirm appointment")).to_have_count(0)
    press(page, "Hold it again")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    press(page, "Confirm appointment")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")


def test_video_call_shows_patients_own_zone_too(open_browser, clinic, consultation, day, at):
    clinic.working_hours.update(is_remote=True)
    type(consultation).objects.update(mode="remote")
    there, here = (open_browser(timezone_id=zone) for zone in ("Asia/Kolkata", "Europe/London"))
    for page in (there, here):
        page.goto(f"/book/consultation/?day={day}")

    in_kolkata = f"{at(9).astimezone(ZoneInfo('Asia/Kolkata')):%H:%M}"
    expect(there.get_by_role("button", name=f"09:00 {in_kolkata} your time")).to_be_visible()
    expect(here.get_by_role("button", name="09:00", exact=True)).to_be_visible()


def test_filters_chosen_quickly_all_apply(open_browser, clinic, harbour, consultation, day):
    mitte = Location.objects.create(name="Mitte", timezone="Europe/Berlin")
    make_clinician("Otis Hale", location=mitte, services=[consultation])
    page = open_browser()
    page.goto(f"/book/consultation/?day={day}")

    page.get_by_label("Clinician").select_option("Otis Hale")
    page.get_by_label("Where").select_option("Mitte")

    expect(page.get_by_role("heading", name="Mitte Berlin time")).to_be_visible()
    expect(page.get_by_label("Clinician").locator("option:checked")).to_have_text("Otis Hale")
    expect(page.get_by_label("Where").locator("option:checked")).to_have_text("Mitte")


def test_booking_with_keyboard_only(open_browser, clinic, day):
    page = open_browser()
    page.goto(f"/book/consultation/?day={day}")
    page.get_by_role("button", name="09:00").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()

    page.get_by_label("First name").focus()
    for text in ["Alice", "Archer", "12", "4", "1985", "alice@example.org", "", ""]:
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("textbox", name="E-mail address").focus()
    # The page's own key: a locator's press() looks for the field again once Enter has replaced it.
    page.keyboard.press("Enter")  # goes on; it does not press “Need more time?”
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    assert Hold.objects.get().extensions == 0


def test_nothing_typed_is_stored_once_it_is_booked(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    press(page, "Continue")
    press(page, "Confirm appointment")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")

    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

    assert "Alice" not in stored
    assert "held" not in stored


def test_first_visit_transfers_few_bytes(open_browser, production_site, dana):
    page = open_browser(site=production_site)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    received = []
    devtools.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))

    page.goto("/", wait_until="networkidle")
    page.get_by_role("link", name="Consultation").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a time")

    assert len(received) >= 5
    assert sum(received) <= 60_000


def test_filter_applies_without_submit(open_browser, clinic, harbour, consultation, day):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 10)])
    page = open_browser()
    page.goto(f"/book/consultation/?day={day}")

    page.get_by_label("Clinician").focus()
    page.get_by_label("Clinician").select_option("Otis Hale")

    expect(page.locator(".slot")).to_have_count(2)
    expect(page.get_by_label("Clinician")).to_be_focused()
    assert f"day={day}" in page.url


def test_slip_in_email_is_put_right_with_one_press(open_browser, clinic, day):
    page = open_browser()
    choose_a_time(page, day)
    type_details(page)
    email = page.get_by_role("textbox", name="E-mail address")
    email.fill("alice@gmial.com")
    email.press("Tab")

    expect(page.get_by_role("status").get_by_text("Did you mean alice@gmail.com?")).to_be_visible()
    expect(page.get_by_label("Phone number")).to_be_focused()
    press(page, "Yes, use that")
    expect(email).to_have_value("alice@gmail.com")
    expect(email).to_be_focused()
    expect(page.get_by_text("Did you mean")).to_have_count(0)

    # Who goes on regardless is asked once more beside what was typed, and it is never in the way.
    page.set_viewport_size({"width": 320, "height": 640})
    email.fill("alice.margaret.archer.of.harbour.street@gmial.com")
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    press(page, "Yes, use that")
    expect(page.get_by_text("Did you mean")).to_have_count(0)
    expect(page.get_by_text("alice.margaret.archer.of.harbour.street@gmail.com")).to_be_visible()
    press(page, "Confirm appointment")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert Patient.objects.get().email == "alice.margaret.archer.of.harbour.street@gmail.com"


def test_browser_works_for_a_time_where_many_are_booking(open_browser, production_site, clinic, day, settings):
    settings.ONLINE_BOOKINGS_PER_NETWORK = 0
    page = open_browser(site=production_site)
    page.goto(f"/book/consultation/?day={day}")
    page.get_by_role("button", name="09:00").click()

    expect(page.get_by_text("Many people are booking from where you are.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    assert Hold.objects.get().must_verify
    assert SolvedChallenge.objects.count() == 1
