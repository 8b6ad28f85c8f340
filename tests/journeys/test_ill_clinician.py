"""A clinician is ill. No other journey is about skin checks: these visits are hers alone."""

from datetime import date, timedelta
from itertools import combinations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from booking.domain.confirmation import confirm_hold
from booking.domain.holds import Holder, place_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, StrandedVisit
from patients.models import Patient
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.clock import database_now
from scheduling.models import Clinician, Location, Service
from tests.waiting import wait_until


def book(person, opening, *, language):
    """Have the clinic book an opening for somebody who called, and return the Appointment."""
    service = Service.objects.get(slug="skin-check")
    clinician, location = Clinician.objects.get(pk=opening.clinician_id), Location.objects.get(pk=opening.location_id)
    request = OpeningRequest(service, opening.starts_at, clinician, location, opening.is_remote)
    patient = Patient(
        first_name=person.first_name, last_name=person.last_name, date_of_birth=date(1985, 4, 12), email=person.email
    )
    hold = place_hold(request, holder=Holder("staff:1"), actor="staff:1")
    return confirm_hold(hold, patient=patient, actor="staff:1", language=language)


@pytest.fixture
def visits(clinic, meet):
    """Petra, who reads German, and Otto, both at Dr Calloway's on one day: [(person, appointment)]."""
    now, service = database_now(), Service.objects.get(slug="skin-check")
    week = now + timedelta(days=7)
    openings = open_times(OpeningFilters(service), start_at=week, end_at=week + timedelta(days=14), now=now)
    first, later = next(
        (one, other)
        for one, other in combinations(openings, 2)
        if other.start >= one.end + 3600 and other.starts_at.date() == one.starts_at.date()
    )
    people = (meet("Petra Linde", locale="de-DE"), "de", first), (meet("Otto Marsh"), "en", later)
    return [(person, book(person, opening, language=language)) for person, language, opening in people]


def look(person, name, *, dark=False):
    """Keep what somebody sees, and assert that axe finds no fault with it."""
    person.photograph(name, dark=dark)
    found = Axe().run(person.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_visits_of_ill_clinician_are_offered_accepted_declined_and_cancelled(clinic, staff, visits):
    [(petra, first), (otto, second)] = visits
    page, _otto_knows = (person.receive().find_link("/appointment/") for person in (petra, otto))
    day = first.local_start.date().isoformat()

    staff.open("/admin/stranded-visits/")
    staff.follow_link("A clinician is ill")
    staff.page.get_by_label("Clinician").select_option("Dr Ines Calloway")
    staff.page.get_by_label("From").fill(day)
    staff.page.get_by_label("To, included").fill(day)
    look(staff, "ill 1 who and when", dark=True)
    staff.press("They are away: show the visits")
    expect(staff.page.get_by_text("2 visits are to be settled")).to_be_visible()
    expect(staff.page.locator("#stranded")).to_contain_text("2 stranded")
    look(staff, "ill 2 stranded visits", dark=True)

    petra.open(page)
    petra.sees("Dieser Termin muss vielleicht geändert werden.")

    staff.page.get_by_label("Tick all on this page").check()
    staff.press("Offer other times …")
    expect(staff.page.get_by_text("Nothing has happened yet.")).to_be_visible()
    expect(staff.page.get_by_text("E-mail to petra.linde@example.org, German")).to_be_visible()
    look(staff, "ill 3 preview", dark=True)
    assert not StrandedVisit.objects.filter(offers__isnull=False).exists()
    staff.press("Hold the times and send 2 offers")
    expect(staff.page.get_by_text("2 of 2 done")).to_be_visible()
    look(staff, "ill 4 report", dark=True)

    mail = petra.receive_at_once("email.stranded_offer")
    petra.show_mail(mail, "ill 5 offer")
    assert "kann nicht wie gebucht stattfinden" in mail.text
    petra.open(mail.find_link("/another-time/"))
    look(petra, "ill 6 choose", dark=True)
    petra.page.get_by_role("button", name="bei Dr Ines Calloway nehmen").first.click()
    expect(petra.heading).to_have_text("Ihre Anfrage liegt bei der Praxis")  # who confirms each skin check
    assert Appointment.objects.get(pk=first.pk).starts_at != first.starts_at
    assert StrandedVisit.objects.get(appointment=first).outcome == "accepted"

    otto.open(otto.receive().find_link("/another-time/"))
    otto.press("None of these suits me")
    expect(otto.heading).to_have_text("We are looking for another time")
    look(otto, "ill 7 none suits")

    staff.open("/admin/stranded-visits/")
    expect(staff.page.get_by_text("None of the offered times suited")).to_be_visible()
    staff.page.get_by_label(second.reference).first.check()
    staff.press("Cancel …")
    staff.page.get_by_label("Message").fill("Dr Calloway is ill, and we do not know for how long.")
    staff.press("Show the messages anew")
    look(staff, "ill 8 cancel", dark=True)
    staff.press("Cancel 1 visit")
    expect(staff.page.get_by_text("1 of 1 done")).to_be_visible()
    wait_until(lambda: StrandedVisit.objects.get(appointment=second).outcome == "cancelled")
    cancelled = otto.receive_at_once("email.appointment_cancelled")
    assert "Dr Calloway is ill, and we do not know for how long." in cancelled.text
    staff.open("/admin/stranded-visits/")
    expect(staff.heading).to_have_text("No stranded visits")
    look(staff, "ill 9 all settled", dark=True)
