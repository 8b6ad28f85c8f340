"""The clinic's own words in e-mails: whole bodies, what is left out, and the usual words where there are none."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from booking.integrations.message_texts import fill
from booking.models import MessageText
from tests.booking.integrations.email.test_appointment_emails import get_paragraphs
from tests.outbox import run_what_is_due

OWN = {
    "kind": "appointment_confirmed",
    "language": "en-gb",
    "subject": "Until {date}",
    "opening": "We look forward to {patient}.\r\nThe tram stops at our door.\r\n\r\nUntil {date} at {time}, {service}.",
    "closing": "Questions? {phone}\n\n{until}",
    "sign_off": "Yours,\n{clinic}",
}


@pytest.fixture
def mails(mailoutbox):
    def mails():
        run_what_is_due()
        return mailoutbox

    return mails


def test_own_words_stand_in_the_mail_with_values(book, at, day, mails):
    MessageText.objects.create(**OWN)
    visit = book(at(9))

    [mail] = mails()

    date, zone = f"{day:%A} {day.day} {day:%B %Y}", at(9).tzname()
    assert mail.subject == f"Until {date}"
    assert get_paragraphs(mail) == [
        "Dear Alice Archer,",
        "We look forward to Alice Archer.\nThe tram stops at our door.",
        f"Until {date} at 09:00, Consultation.",
        f"Consultation with Dana Reed\n{date}, 09:00–09:30 {zone}\nHarbour Street\n12 Harbour Street\nLondon E1 6AN",
        f"Reference: {visit.reference}",
        "Please bring: Your glasses",
        "How to find us: Ring the upper bell.",
        "Deleting or declining it in your calendar does not cancel the appointment.",
        "To change or cancel it, call +44 20 7946 0000.",
        "Questions? +44 20 7946 0000",
        "Yours,\nHarbour Clinic",
    ]


def test_unproven_address_is_told_no_name(book, at, day, mails):
    MessageText.objects.create(**OWN | {"subject": "", "closing": "", "sign_off": ""})
    book(at(9), network="home")

    [mail] = mails()

    assert "Alice" not in mail.body + str(mail.alternatives[0].content)
    assert get_paragraphs(mail)[:2] == ["Hello,", f"Until {day:%A} {day.day} {day:%B %Y} at 09:00, Consultation."]
    assert mail.subject.startswith("Your appointment at Harbour Clinic, ")


def test_values_are_escaped_in_html_alone(book, at, alice, mails):
    MessageText.objects.create(**OWN | {"opening": "<b>{patient}</b>"})
    alice.first_name, alice.last_name = "Zoë", "O'Brien & <i>"
    book(at(9))

    [mail] = mails()

    assert "<b>Zoë O'Brien & <i></b>\n" in mail.body
    assert "&lt;b&gt;Zoë O&#x27;Brien &amp; &lt;i&gt;&lt;/b&gt;</p>" in mail.alternatives[0].content


def test_subject_is_one_line_whatever_is_in_it(harbour, book, at, mails):
    MessageText.objects.create(**OWN | {"subject": "At {location}"})
    harbour.name = "Harbour\r\nBcc: vic@example.org"
    harbour.save()
    book(at(9))

    [mail] = mails()

    assert mail.subject == "At Harbour Bcc: vic@example.org, 12 Harbour Street, London E1 6AN"
    assert mail.message()["Bcc"] is None
    assert mail.recipients() == ["alice@example.org"]


@pytest.mark.parametrize("language", ["de", "fr"])
def test_other_languages_say_the_usual_words(language, book, at, mails):
    MessageText.objects.create(**OWN | {"language": language, "opening": "Own words."})
    visit = book(at(9))
    visit.language = ""
    visit.save()

    [mail] = mails()

    assert get_paragraphs(mail)[1] == "Your appointment is booked."


def test_mail_in_another_language_has_its_own_words(book, at, mails):
    MessageText.objects.create(**OWN)
    MessageText.objects.create(**OWN | {"language": "de", "opening": "Bis {date}."})
    visit = book(at(9))
    visit.language = "de"
    visit.save()

    [mail] = mails()

    assert get_paragraphs(mail)[1].startswith("Bis ")
    assert "We look forward" not in mail.body


def test_own_words_cost_a_mail_one_query(book, at, mails):
    numbers = []
    for hour, own in ((9, False), (10, True)):
        if own:
            MessageText.objects.create(**OWN)
        book(at(hour))
        with CaptureQueriesContext(connection) as captured:
            mails()
        numbers.append(len([query for query in captured if "booking_messagetext" in query["sql"]]))

    assert numbers == [1, 1]


def test_paragraph_without_a_value_is_left_out_with_its_neighbours_kept():
    text = MessageText(opening="One {patient}\n\nTwo\n\n{phone} three", sign_off="{clinic}")

    words = fill(text, {"patient": "", "phone": "123", "clinic": "Harbour Clinic"})

    assert words == ("", "Two\n\n123 three", "", "Harbour Clinic")


def test_value_that_looks_like_a_placeholder_is_no_such_thing():
    with translation.override("en-gb"):
        assert fill(MessageText(opening="{patient}"), {"patient": "{clinic}"}).opening == "{clinic}"
