"""A day at the desk of a big clinic: thirty clinicians, 468 visits."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from booking.domain.appointments import mark_arrived
from booking.models import Appointment
from scheduling.models import Location
from tests.busy_day import fill_day
from tests.journeys.clinic import PHONE, SCREENSHOTS

# What must not change when the diary renews itself.
PLACE = "[document.getElementById('diary-grid').scrollTop, document.getElementById('diary-grid').scrollLeft]"


@pytest.fixture(scope="module")
def quayside(clinic):
    location = Location.objects.create(name="Quayside", city="London", timezone="Europe/London")
    visits = fill_day(location, timezone.now().astimezone(location.zone).date())
    # Whoever has come, has come by now: some are waiting, whatever the hour is.
    for visit in visits[30:34]:
        Appointment.objects.filter(pk=visit.pk).update(status="in_progress", arrived_at=timezone.now())
    Appointment.objects.filter(pk=visits[30].pk).update(seen_at=timezone.now())
    return location, visits


def arrive(visit):
    """Have the visit begin now, and its patient be there."""
    now = timezone.now()
    Appointment.objects.filter(pk=visit.pk).update(starts_at=now, ends_at=now + timedelta(minutes=20))
    visit.refresh_from_db()
    mark_arrived(visit, actor="staff:1")


def test_reception_keeps_the_day_of_a_big_clinic(staff, clinic, quayside):
    location, visits = quayside
    page, address = staff.page, f"/admin/diary/?location={location.pk}"
    page.goto(address)
    columns = page.locator("#diary-grid .column")
    expect(columns).to_have_count(30)
    expect(page.locator("#diary-grid .visit")).to_have_count(468)
    page.goto("/admin/")
    expect(page.get_by_label("Location")).to_have_value(str(location.pk))  # remembered
    staff.photograph("diary 1 day", dark=True, height=900)
    page.set_viewport_size({"width": 1280, "height": 800})

    # It scrolls sideways below headings and beside hours that stay where they are.
    grid = page.locator("#diary-grid")
    grid.evaluate("grid => grid.scrollTo(2500, 300)")
    box, hours = grid.bounding_box(), page.locator("#diary-grid .hours").bounding_box()
    heading = columns.nth(20).locator("h2").bounding_box()
    assert abs(hours["x"] - box["x"]) < 3
    assert abs(heading["y"] - box["y"]) < 3

    # Somebody else marks an arrival: seen here soon, while a visit has the focus and stays in place.
    late, focused = visits[200], visits[201]
    page.locator(f"#visit-{focused.pk}").focus()
    place = page.evaluate(PLACE)
    arrive(late)
    arrived = page.locator(f"#visit-{late.pk} .state")
    expect(arrived).to_have_text(re.compile("Arrived 0 min"))
    expect(page.locator(f"#visit-{focused.pk}")).to_be_focused()
    assert page.evaluate(PLACE) == place

    # An open card stays open through news.
    page.locator(f"#visit-{focused.pk}").click()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text(focused.attendee_name)
    arrive(visits[202])
    expect(page.locator(f"#visit-{visits[202].pk} .state")).to_have_text(re.compile("Arrived"))
    expect(dialog).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "diary 2 card 1280 light.png")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_dragged_visit_is_moved_after_a_question(staff, quayside):
    location, visits = quayside
    page = staff.page
    page.goto(f"/admin/diary/?location={location.pk}&day={timezone.now().astimezone(location.zone):%Y-%m-%d}")
    visit = visits[450]
    source = page.locator(f"#visit-{visit.pk}")
    source.scroll_into_view_if_needed()
    box = source.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 30, steps=4)
    page.mouse.move(box["x"] + 30, box["y"] + 66, steps=4)
    expect(page.locator(".is-ghost")).to_have_count(1)
    page.mouse.up()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_role("heading", name="Move a visit")).to_be_visible()
    expect(dialog).to_contain_text(visit.attendee_name)
    expect(page.locator(".is-ghost")).to_have_count(0)
    visit.refresh_from_db()
    assert visit.starts_at == visits[450].starts_at


def test_waiting_room_and_paper(staff, quayside):
    location, visits = quayside
    page = staff.page
    page.goto(f"/admin/diary/?location={location.pk}")
    page.get_by_role("link", name="Waiting room").click()
    room = page.locator("#waiting-room")
    expect(room.get_by_text(visits[31].attendee_name, exact=True)).to_be_visible()
    expect(room.locator(f"#waiting-{visits[31].pk} .since")).to_have_text(re.compile(r"waiting since \d+ min"))
    staff.photograph("diary 3 waiting room", dark=True)
    page.goto(f"/admin/diary/print/?location={location.pk}&clinician={visits[0].clinician_id}")
    expect(page.get_by_text(visits[0].attendee_name, exact=True)).to_be_visible()
    page.emulate_media(media="print")
    page.pdf(path=SCREENSHOTS / "diary 4 sheet.pdf", prefer_css_page_size=True)


def test_phone_shows_one_column(staff, quayside):
    location, _visits = quayside
    page = staff.page
    page.set_viewport_size(PHONE)
    page.goto(f"/admin/diary/?location={location.pk}")
    shown = page.locator("#diary-grid .column:visible h2")
    expect(shown).to_have_count(1)
    first = shown.inner_text()
    page.get_by_role("button", name="Next column").click()
    expect(shown).to_have_count(1)
    assert shown.inner_text() != first
    page.get_by_label("Column", exact=True).select_option(index=9)
    expect(shown).to_have_text(page.get_by_label("Column", exact=True).locator("option").nth(9).inner_text())
