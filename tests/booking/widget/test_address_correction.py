"""Who has just booked sees where the e-mails go, and corrects that once or twice; nobody else does."""

from datetime import timedelta

import pytest

from booking.access.patient_links import appointment_token, verification_token
from booking.domain.email_corrections import CORRECTION_WINDOW, MAX_CORRECTIONS
from booking.domain.verification import verify_appointment
from booking.models import Appointment, EmailAddress, Event, Hold, UndeliverableMail
from patients.models import Patient
from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

TYPO, MEANT = "alice@example.rog", "alice@example.org"


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://booking.clinic.example"


@pytest.fixture
def client(alone):
    return alone


@pytest.fixture
def hold(hold_time, at):
    """A visitor's hold on nine o'clock."""
    return hold_time(at(9), network="home")


@pytest.fixture
def visit(client, hold, typed):
    """Alice's appointment, booked with a mistyped address, of which she has been told."""
    assert client.post(f"/hold/{hold.token}/confirm", typed | {"email": TYPO}).status_code == 303
    run_what_is_due()
    return Appointment.objects.get()


@pytest.fixture
def correct(client, hold):
    """Correct the address on the page: ``correct("alice@example.org")``."""
    return lambda email: client.post(f"/hold/{hold.token}/address", {"email": email})


def test_done_page_says_where_the_mail_goes(client, hold, visit):
    page = Page(client.get(f"/hold/{hold.token}/done"))

    assert f"A confirmation is on its way. We write to {TYPO} . Wrong address?" in page.text
    assert TYPO not in client.get(f"/appointment/{appointment_token(visit)}/").text


def test_correction_sends_the_mail_to_the_new_address_and_ends_the_old_link(client, hold, visit, correct, mailoutbox):
    [old] = mailoutbox
    old_page = f"/appointment/{appointment_token(visit)}/"
    UndeliverableMail.objects.create(pk=visit.pk, appointment=visit, source="refused", status_code="5.1.1")
    mailoutbox.clear()

    response = correct(" Alice@Example.org ")

    assert (response.status_code, response.url) == (303, f"/hold/{hold.token}/done")
    run_what_is_due()
    [mail] = mailoutbox
    assert (old.to, mail.to) == ([TYPO], [MEANT])
    assert mail.subject == old.subject
    visit.refresh_from_db()
    assert (visit.attendee_email, visit.verification) == (MEANT, "waived")
    assert client.get(old_page).status_code == 410
    assert client.get(f"/appointment/{appointment_token(visit)}/").status_code == 200
    assert f"We write to {MEANT} ." in Page(client.get(f"/hold/{hold.token}/done")).text
    event = Event.objects.filter(subject_id=visit.pk).latest("sequence")
    assert (event.kind, event.actor) == ("appointment.updated", "patient")
    assert event.data == {"changed": ["attendee_email", "link_version"]}
    assert "example" not in str(Event.objects.values_list("data", "announcement"))
    assert UndeliverableMail.objects.get().settled_at


def test_correction_corrects_a_record_that_this_booking_has_made(visit, correct):
    correct(MEANT)
    correct("alice@example.com")

    assert Patient.objects.get().email == "alice@example.com"


def test_correction_leaves_a_record_that_was_known_before(client, hold_time, at, book, alice, typed):
    alice.email = TYPO
    book(at(10))
    hold = hold_time(at(9), network="home")
    client.post(f"/hold/{hold.token}/confirm", typed | {"email": TYPO})
    assert Patient.objects.count() == 1

    assert client.post(f"/hold/{hold.token}/address", {"email": MEANT}).status_code == 303

    assert Patient.objects.get().email == TYPO
    assert Appointment.objects.get(pk=hold.pk).attendee_email == MEANT
    assert not Event.objects.filter(kind="patient.updated").exists()


def test_what_waits_for_its_link_waits_for_the_new_address(client, hold, typed, correct, mailoutbox):
    Hold.objects.update(must_verify=True)
    client.post(f"/hold/{hold.token}/confirm", typed | {"email": TYPO})
    run_what_is_due()
    visit = Appointment.objects.get()
    old_link = f"/verify/{verification_token(visit)}/"
    mailoutbox.clear()

    correct(MEANT)

    run_what_is_due()
    [mail] = mailoutbox
    visit.refresh_from_db()
    assert (mail.to, visit.status, visit.verification) == ([MEANT], "pending", "required")
    assert verification_token(visit) in mail.body
    assert client.post(old_link).status_code == 404
    assert not EmailAddress.objects.exclude(confirmed_at=None).exists()
    assert client.post(f"/verify/{verification_token(visit)}/").status_code == 303
    visit.refresh_from_db()
    assert (visit.status, visit.verification) == ("confirmed", "verified")


def test_address_is_corrected_a_few_times_only(client, hold, visit, correct):
    for number in range(MAX_CORRECTIONS):
        assert correct(f"alice{number}@example.org").status_code == 303
    with nothing_changes():
        page = correct("bob@example.org")
    assert page.status_code == 409
    assert "The address can no longer be changed here. Please call the clinic." in Page(page).text


def test_mistyped_correction_is_refused_on_the_page(hold, visit, correct):
    with nothing_changes():
        for email in ("", "alice@", "alice@example.org\nBcc: bob@example.org"):
            page = correct(email)
            assert page.status_code == 422
            assert '<details class="written-to" open>' in page.text


@pytest.mark.parametrize("case", ["verified", "late", "cancelled", "not a visitor's"])
def test_address_is_neither_shown_nor_changed(case, client, hold, visit, correct):
    if case == "verified":
        verify_appointment(visit)
    elif case == "late":
        before = visit.created_at - CORRECTION_WINDOW - timedelta(seconds=1)
        Appointment.objects.update(created_at=before)
    elif case == "cancelled":
        Appointment.objects.update(status="cancelled", cancellation_reason="other")
    else:
        Appointment.objects.update(verification="")

    assert TYPO not in client.get(f"/hold/{hold.token}/done").text
    with nothing_changes():
        assert correct(MEANT).status_code == 303


def test_what_waits_quietly_is_corrected_like_what_is_confirmed(client, hold, visit, correct, mailoutbox):
    now = visit.created_at
    Appointment.objects.update(status="pending", verification="required_quietly", answer_by=now + timedelta(minutes=60))
    mailoutbox.clear()

    assert "A confirmation is on its way. We write to" in Page(client.get(f"/hold/{hold.token}/done")).text
    assert correct(MEANT).status_code == 303

    run_what_is_due()
    [mail] = mailoutbox
    assert mail.subject == "Please confirm your booking at Harbour Clinic"
    assert f"We write to {MEANT} ." in Page(client.get(f"/hold/{hold.token}/done")).text
