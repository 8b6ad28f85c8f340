"""E-mails that nobody receives: refused when they are sent, or sent back with a report."""

import smtplib
from email.message import EmailMessage
from io import BytesIO, TextIOWrapper
from uuid import uuid4

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command

from booking.domain.appointments import annotate
from booking.integrations.email.undeliverable import find_refusal, read_bounce
from booking.models import OutboxMessage, UndeliverableMail
from tests.booking.admin.pages import get_rows, get_text, list_messages, run_action, url
from tests.outbox import run_what_is_due

MAILS = "booking_undeliverablemail"


class RefusingServer(BaseEmailBackend):
    """A mail server that knows no Alice."""

    def send_messages(self, email_messages):
        raise smtplib.SMTPRecipientsRefused({"alice@example.org": (550, b"5.1.1 <alice@example.org>: User unknown")})


def refuse(number, text):
    return smtplib.SMTPRecipientsRefused({"alice@example.org": (number, text)})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refuse(550, b"5.1.1 <alice@example.org>: User unknown"), "5.1.1"),
        (refuse(550, b"No such user"), "550"),
        (smtplib.SMTPDataError(552, b"5.2.2 Mailbox full"), "5.2.2"),
        (refuse(451, b"4.7.1 Greylisted, try again"), ""),
        (refuse(550, b"5.7.1 Relaying denied"), ""),
        (smtplib.SMTPSenderRefused(550, b"5.1.8 Who are you", "bookings@clinic.example"), ""),
        (smtplib.SMTPServerDisconnected("gone"), ""),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 No"), ""),
    ],
)
def test_only_a_lasting_refusal_of_the_address_is_one(error, code):
    assert find_refusal(error) == code


@pytest.fixture
def sent(book, at, mailoutbox):
    """The message of Alice's confirmation, which was sent, and its mail."""
    book(at(9))
    run_what_is_due()
    [mail] = mailoutbox
    return OutboxMessage.objects.get(), mail


def write_report(mail, *, action="failed", status="5.1.1", whole=True):
    """Return a report on a mail as Postfix writes it; ``whole`` says whether all of the mail is in it."""
    original = mail.message().as_string().replace("\n", "\r\n")
    if whole:
        part = f"Content-Type: message/rfc822\r\n\r\n{original}"
    else:
        headers = original.partition("\r\n\r\n")[0]
        part = f"Content-Type: text/rfc822-headers\r\n\r\n{headers}\r\n"
    return (
        "From: MAILER-DAEMON@mail.example\r\nTo: bounces@clinic.example\r\nSubject: Undelivered Mail\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="edge"\r\n\r\n'
        "--edge\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        "--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n"
        f"Final-Recipient: rfc822; alice@example.org\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        f"--edge\r\n{part}\r\n--edge--\r\n"
    ).encode()


def pipe(raw, monkeypatch, capsys):
    """Give a mail to the command, as a mail server does, and return what it says."""
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(raw)))
    call_command("read_bounce")
    return capsys.readouterr().out


@pytest.mark.parametrize("whole", [True, False])
def test_report_names_the_message_and_the_reason(whole, sent):
    message, mail = sent

    assert read_bounce(write_report(mail, whole=whole)) == (message.pk, "5.1.1")


def test_other_mail_is_no_report(sent):
    _, mail = sent
    answer = EmailMessage()
    answer["In-Reply-To"] = mail.extra_headers["Message-ID"]
    answer.set_content("I am on holiday. Action: failed, Status: 5.1.1")

    for raw in (
        b"",
        b"\xff\x00",
        answer.as_bytes(),
        write_report(mail, action="delayed", status="4.4.1"),
        write_report(mail, action="failed", status="4.4.7"),
        write_report(mail).replace(b"Message-ID: <", b"Message-ID: <x"),
    ):
        assert read_bounce(raw) is None


def test_returned_mail_is_noted_once(sent, monkeypatch, capsys):
    message, mail = sent

    assert pipe(write_report(mail), monkeypatch, capsys) == "Noted: email.appointment_confirmed, 5.1.1.\n"
    assert pipe(write_report(mail), monkeypatch, capsys) == "Nothing to note.\n"

    noted = UndeliverableMail.objects.get()
    appointment = message.payload["appointment"]
    assert (noted.pk, str(noted.appointment_id), noted.source, noted.settled_at) == (
        message.pk,
        appointment,
        "returned",
        None,
    )


def test_report_on_a_message_of_somebody_else_is_dropped(sent, monkeypatch, capsys):
    message, mail = sent
    raw = write_report(mail).replace(str(message.pk).encode(), str(uuid4()).encode())

    assert pipe(raw, monkeypatch, capsys) == "Nothing to note.\n"
    assert not UndeliverableMail.objects.exists()


def test_mail_that_is_refused_for_good_is_noted_and_not_sent_again(book, at, settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingServer"
    visit = book(at(9))

    run_what_is_due()

    message, noted = OutboxMessage.objects.get(), UndeliverableMail.objects.get()
    assert (message.status, message.last_error) == ("failed", "The mail server refuses it for good: 5.1.1.")
    assert (noted.pk, noted.appointment_id, noted.kind, noted.source, noted.status_code) == (
        message.pk,
        visit.pk,
        "email.appointment_confirmed",
        "refused",
        "5.1.1",
    )


def test_staff_see_it_at_the_appointment_and_settle_it(book, at, erin, danas_browser, settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingServer"
    visit = book(at(9))
    run_what_is_due()
    sentence = "An e-mail (booked) did not reach its address on "
    page = url("booking_appointment", "change", visit.pk)

    assert sentence in get_text(erin.get(page))
    [row] = get_rows(erin.get(url(MAILS)))
    assert row[1:] == [visit.reference, "booked", "5.1.1, there is no such mailbox", "refused when it was sent", "-"]
    assert danas_browser.get(url(MAILS)).status_code == 403
    mail = UndeliverableMail.objects.get()
    assert list_messages(run_action(erin, MAILS, "settle", mail)) == ["1 e-mail is settled."]
    assert sentence not in get_text(erin.get(page))
    assert get_rows(erin.get(url(MAILS))) == []
    assert len(get_rows(erin.get(url(MAILS) + "?settled=all"))) == 1


def test_another_address_settles_it(sent, book, at):
    message, _ = sent
    visit_id = message.payload["appointment"]
    noted = UndeliverableMail.objects.create(pk=message.pk, appointment_id=visit_id, source="returned")

    annotate(noted.appointment, actor="erin", attendee_email="alice@example.com")

    noted.refresh_from_db()
    assert noted.settled_at
