"""Every text of an e-mail to a patient can be translated: with a language that wraps messages, none stays bare."""

from datetime import timedelta

import pytest

from booking.access.patient_links import order_token
from booking.domain.appointments import acknowledge, cancel, decline
from booking.domain.orders import send_link
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Order
from scheduling.models import Location, Service
from tests.outbox import run_what_is_due
from tests.pseudo_locale import find_untranslated, find_untranslated_in_page

# Names, what the clinic has written, addresses, and abbreviations of zones.
KNOWN = [
    "Harbour Clinic",
    "Harbour Street",
    "12 Harbour Street, London E1 6AN",
    "12 Harbour Street",
    "London E1 6AN",
    "Consultation",
    "Dana Reed",
    "Physiotherapist",
]

pytestmark = pytest.mark.usefixtures("pseudo_locale")


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://booking.clinic.example"


@pytest.fixture
def assert_translated(mailoutbox):
    """Send what is waiting, and find each part of each mail translated: ``assert_translated(mails=1)``."""

    def assert_translated(*, mails, known=()):
        run_what_is_due()
        assert len(mailoutbox) == mails
        for mail in mailoutbox:
            known = [*KNOWN, *known, *Appointment.objects.values_list("reference", flat=True)]
            [(html, _), *invitations] = mail.alternatives
            assert find_untranslated(mail.subject, known=known) == []
            assert find_untranslated(mail.body, known=known) == []
            assert find_untranslated_in_page(html, known=known) == []
            assert "⟦" in mail.subject and "⟦" in mail.body and "⟦" in html and '<html lang="xx" dir="ltr">' in html
            for invitation, _ in invitations:
                event = invitation.replace("\r\n ", "")
                for name in ("SUMMARY", "DESCRIPTION", "LOCATION"):
                    line = next(line for line in event.splitlines() if line.startswith(f"{name}:"))
                    text = line.removeprefix(f"{name}:").replace("\\n", "\n").replace("\\,", ",")
                    assert find_untranslated(text, known=known) == []
        mailoutbox.clear()

    return assert_translated


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"is_remote": True},
        {"is_remote": True, "meeting_url": "https://video.example/alice"},
    ],
)
def test_confirmation_in_another_language_is_translated(book, at, assert_translated, changes):
    book(at(9))
    Appointment.objects.update(**changes)

    assert_translated(mails=1, known=["https://video.example/alice"])


def test_confirmation_after_the_cutoff_in_another_language_is_translated(book, at, assert_translated):
    Service.objects.update(cancellation_notice=timedelta(days=30))
    book(at(9))

    assert_translated(mails=1)


def test_new_time_and_cancellation_in_another_language_are_translated(book, at, assert_translated):
    appointment = book(at(9))
    assert_translated(mails=1)

    opening = OpeningRequest(appointment.service, at(10), appointment.clinician, appointment.location, is_remote=False)
    reschedule(appointment, opening, actor="erin")
    assert_translated(mails=1)

    cancel(appointment, reason="other", actor="erin")
    assert_translated(mails=1)


@pytest.mark.parametrize("phone", ["+442079460000", ""])
def test_request_and_its_refusal_in_another_language_are_translated(desk, book, at, assert_translated, phone):
    Location.objects.update(phone=phone)
    appointment = book(at(9))
    assert_translated(mails=1)

    opening = OpeningRequest(appointment.service, at(10), appointment.clinician, appointment.location, is_remote=False)
    reschedule(appointment, opening, actor="erin")
    assert_translated(mails=1)

    decline(appointment, actor="erin")
    assert_translated(mails=1)


def test_unanswered_request_in_another_language_is_translated(desk, book, at, assert_translated):
    appointment = book(at(9))
    acknowledge(appointment, "reserved", actor="provider:desk")
    Appointment.objects.update(answer_by=None)
    assert_translated(mails=1)

    cancel(appointment, reason="not_acknowledged", actor="worker")
    assert_translated(mails=1)


@pytest.mark.parametrize("address", ["", "4 Mill Lane"])
def test_order_link_in_another_language_is_translated(order, assert_translated, address):
    Order.objects.update(address_line_1=address)
    send_link(order, actor="erin")

    order.refresh_from_db()
    assert_translated(mails=1, known=[f"https://booking.clinic.example/order/{order_token(order)}/"])
