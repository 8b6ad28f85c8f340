"""Send me my links again: one e-mail to whoever has upcoming visits, and the same page for everybody."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.access.patient_links import appointment_token, verification_token
from booking.domain.appointments import cancel
from booking.models import Appointment, OutboxMessage
from patients.models import Patient
from tests.booking.integrations.email.test_appointment_emails import get_paragraphs
from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

SITE = "https://booking.clinic.example"
LINKS = "/links"


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = SITE


@pytest.fixture
def client(alone):
    return alone


def forget_mails(mailoutbox):
    run_what_is_due()
    mailoutbox.clear()


def ask(client, mailoutbox, email="alice@example.org", address=LINKS):
    """Ask for the links of an address; return the page and the mails that were sent."""
    page = client.post(address, {"email": email})
    run_what_is_due()
    return page, list(mailoutbox)


def test_links_of_coming_visits_are_mailed_together(client, book, at, day, mailoutbox):
    late, early = book(at(14)), book(at(9))
    cancel(book(at(11)), reason="other", actor="erin")
    Appointment.objects.filter(pk=book(at(10)).pk).update(starts_at=timezone.now() - timedelta(hours=1))
    forget_mails(mailoutbox)

    page, [mail] = ask(client, mailoutbox, "Alice@Example.org ")

    assert page.status_code == 200
    assert mail.to == ["alice@example.org"]
    assert mail.subject == "Your appointments at Harbour Clinic"
    zone, date = at(9).tzname(), f"{day:%A} {day.day} {day:%B %Y}"
    assert get_paragraphs(mail) == [
        "Hello,",
        "You asked for the links to your upcoming appointments. Here they are.",
        *(
            f"Consultation with Dana Reed\n{date}, {hour}:00 {zone}\nReference: {visit.reference}\n"
            f"{SITE}/appointment/{appointment_token(visit)}/"
            for visit, hour in ((early, "09"), (late, "14"))
        ),
        "Please keep these links to yourself: anyone who has one can change or cancel the appointment.\n"
        "If it was not you, you can ignore this e-mail.",
        "Harbour Clinic",
    ]
    assert "Alice" not in mail.body + str(mail.alternatives[0].content)


def test_visit_that_waits_for_its_link_gets_that_one(client, book, at, mailoutbox):
    visit = book(at(9))
    answer_by = timezone.now() + timedelta(minutes=50)
    Appointment.objects.update(status="pending", verification="required", answer_by=answer_by)
    visit.refresh_from_db()
    forget_mails(mailoutbox)

    _, [mail] = ask(client, mailoutbox)

    assert "Not confirmed yet. Please confirm it by " in mail.body
    assert f"{SITE}/verify/{verification_token(visit)}/" in mail.body
    assert appointment_token(visit) not in mail.body


def test_page_is_the_same_whether_there_are_visits(client, book, at, mailoutbox):
    book(at(9))
    forget_mails(mailoutbox)
    client.get(LINKS)  # what is cached is read once
    pages, queries = [], []
    for email in ("alice@example.org", "nobody@example.org"):
        with CaptureQueriesContext(connection) as captured:
            pages.append(re.sub(f'{email}|nonce=".*?"', "", client.post(LINKS, {"email": email}).text))
        queries.append([query["sql"].split("VALUES")[0] for query in captured])

    assert pages[0] == pages[1]
    assert queries[0] == queries[1]
    assert "example.org" not in str(list(OutboxMessage.objects.values_list("payload", flat=True)))
    run_what_is_due()
    assert [mail.to for mail in mailoutbox] == [["alice@example.org"]]


def test_address_that_is_written_alike_gets_none(client, book, at, mailoutbox):
    """PostgreSQL's upper() makes an I of a dotless i, and anybody can have the domain that is written with one."""
    Appointment.objects.filter(pk=book(at(9)).pk).update(attendee_email="Mike@Gmail.com")
    forget_mails(mailoutbox)

    assert ask(client, mailoutbox, "mike@gma\u0131l.com")[1] == []
    assert [mail.to for mail in ask(client, mailoutbox, "mike@gmail.com")[1]] == [["mike@gmail.com"]]


def test_an_address_gets_a_few_a_day(client, book, at, mailoutbox):
    book(at(9))
    forget_mails(mailoutbox)

    for network in range(5):
        client.post(LINKS, {"email": "alice@example.org"}, REMOTE_ADDR=f"10.9.8.{network}")
    run_what_is_due()

    assert len(mailoutbox) == 3


def test_restricted_patient_gets_none(client, book, at, mailoutbox):
    visit = book(at(9))
    forget_mails(mailoutbox)
    Patient.objects.filter(pk=visit.patient_id).update(restricted_at=timezone.now())

    assert ask(client, mailoutbox)[1] == []


def test_mail_speaks_the_language_of_the_page(client, book, at, mailoutbox):
    visit = book(at(9))
    forget_mails(mailoutbox)

    _, [mail] = ask(client, mailoutbox, address="/de/links")

    assert f"{SITE}/de/appointment/{appointment_token(visit)}/" in mail.body
    assert 'lang="de"' in mail.alternatives[0].content


def test_links_are_asked_for_no_faster_than_people_do(client, db, redis):
    for _ in range(5):
        assert client.post(LINKS, {"email": "alice@example.org"}).status_code == 200

    with nothing_changes():
        page = client.post(LINKS, {"email": "alice@example.org"})

    assert (page.status_code, page["Retry-After"].isdigit()) == (429, True)


def test_mistyped_address_is_refused(client, db):
    with nothing_changes():
        page = client.post(LINKS, {"email": "alice@"})

    assert page.status_code == 422
    assert "Please enter an e-mail address such as name@example.org." in Page(page).text


def test_page_is_linked_where_one_would_look(client, dana, book, at):
    visit = book(at(9))
    address = f"/appointment/{appointment_token(visit)}/"
    Appointment.objects.update(link_version=1)

    for page in ("/", address, "/appointment/nothing/"):
        assert '<a class="plain" href="/links"' in client.get(page).text, page
    assert 'href="/links"' not in client.get("/book/nothing/").text
