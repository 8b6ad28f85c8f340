"""Reception's day at the desk, by keyboard: find, book, move, override, mark, undo, cancel and let stand again."""

import re
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import expect

from booking.models import Appointment
from patients.models import Patient
from scheduling.models import Clinician


def get_dialog(erin):
    return erin.page.locator("dialog#dialog[open]")


def press(erin, *keys):
    for key in keys:
        erin.page.keyboard.press(key)


def get_shown(erin):
    """Return the appointment whose card is open."""
    reference = get_dialog(erin).locator(".reference")
    expect(reference).to_be_visible()
    return Appointment.objects.get(reference=reference.inner_text())


def open_gap(erin, clinician):
    """Press a gap of three quarters of an hour, of the first day to come that has one; return the day."""
    for day in (timezone.localdate() + timedelta(days=number) for number in range(1, 28)):
        hours = clinician.working_hours.filter(weekday=day.weekday(), is_remote=False).first()
        if not hours:
            continue
        erin.open(f"/admin/diary/?day={day}&location={hours.location_id}&clinician={clinician.pk}")
        expect(erin.page.locator("#diary-grid.is-grid")).to_be_visible()
        for gap in erin.page.locator(".entry.free").all():
            start, length = (int(gap.get_attribute(f"data-{name}")) for name in ("from", "long"))
            if length >= 45 and start % 15 == 0:
                gap.locator("a").press("Enter")
                return day
    raise AssertionError("no gap")


def test_reception_books_moves_and_marks_from_diary(staff, clinic):
    erin, keys = staff, staff.page.keyboard
    dana = Clinician.objects.get(name="Dana Reed")
    nora = Patient.objects.create(
        first_name="Nora", last_name="Thistlewood", date_of_birth="1950-02-03", email="nora@example.org"
    )

    # A gap, typing, Enter on who is found, Enter to book.
    day = open_gap(erin, dana)
    expect(get_dialog(erin).locator("#find-patient")).to_be_focused()
    keys.type("thistlew")
    expect(get_dialog(erin).locator("#found label")).to_have_count(1)
    erin.photograph("reception books", dark=True)
    press(erin, "Enter", "Enter")
    made = get_shown(erin)
    assert (made.patient, made.clinician, made.local_start.date()) == (nora, dana, day)
    erin.photograph("reception card", dark=True)

    # Moved off the step, which is against a rule: with a reason.
    get_dialog(erin).get_by_role("link", name="Move …").click()
    get_dialog(erin).get_by_label("Time asked for").fill("06:10")
    keys.press("Tab")
    expect(get_dialog(erin)).to_contain_text("outside working hours")
    get_dialog(erin).get_by_text("all the same").click()
    get_dialog(erin).get_by_label("Reason").select_option("patient_request")
    erin.photograph("reception overrides", dark=True)
    get_dialog(erin).get_by_role("button", name="Move it", exact=True).click()
    expect(get_dialog(erin)).to_contain_text("is given that time")
    made.refresh_from_db()
    assert (f"{made.local_start:%H:%M}", made.override_reason) == ("06:10", "patient_request")

    # Cancelled, and let stand again within the minute.
    get_dialog(erin).get_by_role("link", name="Cancel …").click()
    get_dialog(erin).get_by_label("Reason").select_option("booked_by_mistake")
    get_dialog(erin).get_by_role("button", name="Cancel this visit").click()
    get_dialog(erin).get_by_role("button", name="Undo: let it stand again").click()
    expect(get_dialog(erin)).to_contain_text(re.compile("is confirmed again"))

    # The search finds it, from any page.
    press(erin, "Escape")
    expect(get_dialog(erin)).to_have_count(0)
    erin.open("/admin/patients/patient/")
    press(erin, "/")
    expect(erin.page.locator("#search-everything")).to_be_focused()
    keys.type("thistle")
    expect(get_dialog(erin).locator("[data-arrows]")).to_contain_text(made.reference)
    erin.photograph("reception searches", dark=True)
    press(erin, "ArrowDown", "Enter")
    assert get_shown(erin) == made

    # Keys do nothing where somebody types, nor once they are turned off.
    press(erin, "Escape", "?")
    get_dialog(erin).get_by_label("Single keys do this").uncheck()
    get_dialog(erin).get_by_role("button", name="Save").click()
    expect(get_dialog(erin).locator("[data-shortcuts=off]")).to_be_visible()
    press(erin, "Escape", "n")
    expect(get_dialog(erin)).to_have_count(0)
