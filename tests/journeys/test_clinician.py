"""A clinician's day: who comes, notes, another visit, time off that the manager approves, and new hours."""

from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from booking.models import Appointment
from scheduling.models import Clinician, TimeOff
from tests.journeys.clinic import DESK, Person
from tests.journeys.conftest import PASSWORD
from tests.waiting import wait_until

MAIL = "dana.reed@example.org"


@pytest.fixture
def sign_in(clinic, chromium):
    """Return a context with somebody of the clinic, signed in: ``sign_in("dana", "Dana Reed")``."""

    @contextmanager
    def sign_in(login, name):
        with chromium.new_context(base_url=clinic.address, viewport=DESK, locale="en-GB") as context:
            context.set_default_timeout(60_000)
            person = Person(clinic, context.new_page(), name)
            person.open("/admin/")
            person.page.get_by_label("Username:").fill(login)
            person.page.get_by_label("Password:").fill(PASSWORD)
            person.page.get_by_role("button", name="Log in", exact=True).click()
            expect(person.page.locator("#user-tools")).to_be_visible()
            yield person

    return sign_in


def test_day_of_a_clinician(clinic, sign_in):
    dana = Clinician.objects.get(name="Dana Reed")
    User.objects.filter(username="dana").update(email=MAIL)
    visits = Appointment.objects.filter(clinician=dana)
    patient = visits.filter(starts_at__gt=timezone.now(), status="confirmed").order_by("starts_at").first().patient
    before = visits.filter(patient=patient).count()
    off = timezone.now().date() + timedelta(days=120)

    with sign_in("dana", "Dana Reed") as person, sign_in("morgan", "Morgan Hale") as manager:
        # Her day, and hers only.
        person.photograph("clinician 1 today", dark=True)
        person.open("/admin/my-patients/")
        person.photograph("clinician 2 patients", dark=True)
        person.page.get_by_role("searchbox").fill(patient.last_name)
        person.press("Find")
        person.page.get_by_role("link", name=str(patient)).first.click()
        expect(person.heading).to_have_text(str(patient))
        person.photograph("clinician 3 patient", dark=True)

        person.follow_link("Book another visit")
        person.page.locator("ol.strip button:not([disabled]):not(.none)").last.click()
        person.page.locator("input[name=opening]").first.check(force=True)
        person.photograph("clinician 4 another visit", dark=True)
        person.press("Book")
        expect(person.page.locator(".messagelist")).to_contain_text("is booked")
        assert visits.filter(patient=patient).count() == before + 1

        person.page.locator("section").filter(has_text="To come").get_by_role("link").last.click()
        person.page.get_by_label("Notes").fill("Stronger. Go on with the stairs.")
        person.page.get_by_role("button", name="Save", exact=True).click()
        assert visits.filter(patient=patient, notes="Stronger. Go on with the stairs.").exists()

        person.open("/admin/my-time-off/")
        person.page.get_by_label("day").first.fill(off.isoformat())
        person.page.get_by_label("Reason").fill("A wedding")
        person.photograph("clinician 5 time off", dark=True)
        person.press("Ask for it")

        manager.page.reload()
        manager.follow_link("1 asks for time off")
        manager.page.get_by_label("Note to Dana Reed").fill("Dance!")
        manager.photograph("clinician 6 approve", dark=True)
        manager.press("Approve")
        expect(manager.page.locator(".messagelist")).to_contain_text("Dana Reed is told: approved.")
        assert TimeOff.objects.get(clinician=dana, reason="A wedding").starts_at.date() in (
            off,
            off - timedelta(days=1),
        )
        wait_until(lambda: any("Dance!" in mail.get_content() for mail in list_bodies(clinic)))

        manager.open(f"/admin/scheduling/clinician/{dana.pk}/week/")
        manager.page.get_by_role("button", name="Add hours on Saturday").click()
        saturday = manager.page.locator("#day-5")
        saturday.get_by_label("From").fill("09:00")
        saturday.get_by_label("to", exact=True).fill("14:00")
        saturday.get_by_role("button", name="Break").click()
        expect(saturday.get_by_label("From")).to_have_count(2)
        manager.photograph("clinician 7 week", dark=True)
        manager.page.get_by_label("From").first.press("Enter")  # what the keyboard saves
        expect(manager.page.locator(".messagelist")).to_contain_text("The hours of Dana Reed are saved.")

        person.page.reload()
        person.follow_link("Time off answered")
        expect(person.page.locator("#content")).to_contain_text("Dance!")
        person.open("/admin/my-hours/")
        expect(person.page.locator("#content")).to_contain_text("13:00–14:00")
        person.photograph("clinician 8 hours", dark=True)
        person.open("/admin/my-feed/")
        expect(person.heading).to_contain_text("calendar feed")


def list_bodies(clinic):
    """Return the texts of the mails that Dana got; mails to staff have no other part."""
    mails = [message_from_bytes(source.encode(), policy=policy.default) for source in list(clinic.mailbox.accepted)]
    return [mail for mail in mails if mail["To"] == MAIL]
