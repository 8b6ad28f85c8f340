"""Managers write the clinic's own texts, look at them and try them; reception reads them."""

import html
import re
from itertools import cycle

import pytest

from booking.models import MessageKind, MessageText, OutboxMessage
from booking.models.message_texts import find_mistakes
from tests.booking.admin.pages import get_text, url
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

TEXTS = "booking_messagetext"
TYPED = {
    "kind": "appointment_confirmed",
    "language": "en-gb",
    "subject": "See you on {date}",
    "opening": "We look forward to {patient}.\r\n\r\nPark at www.clinic.example/parking & <walk>.",
    "closing": "",
    "sign_off": "Yours,\r\n{clinic}",
}


@pytest.fixture
def text(db):
    return MessageText.objects.create(**TYPED)


def test_list_leads_to_the_form_of_each_message(morgan, erin, text):
    page = morgan.get(url(TEXTS))

    assert f'href="{url(TEXTS, "change", text.pk)}"' in page.text
    assert f'href="{url(TEXTS, "add")}?kind=appointment_cancelled&amp;language=en-gb"' in page.text
    assert get_text(page).count("The usual words") >= len(MessageKind) - 1
    page = erin.get(url(TEXTS))
    assert f'href="{url(TEXTS, "change", text.pk)}"' in page.text
    assert url(TEXTS, "add") not in page.text


def test_form_says_what_is_usual_and_which_placeholders_exist(morgan):
    page = get_text(morgan.get(url(TEXTS, "add"), {"kind": "appointment_confirmed", "language": "en-gb"}))

    assert "Usually: “Your appointment is booked”." in page
    assert "Placeholders: {date}, {time}, {location}, {reference}, {clinic}." in page  # of the subject
    assert "Placeholders: {patient}, {service}, {clinician}, {date}, {time}, {location}" in page
    assert morgan.get(url(TEXTS, "add"), {"kind": "nothing"}).url == url(TEXTS)


def test_manager_saves_a_text_and_deletes_it(morgan):
    assert morgan.post(url(TEXTS, "add"), TYPED).status_code == 302

    text = MessageText.objects.get()
    assert {name: getattr(text, name) for name in TYPED} == TYPED
    changes = {"closing": "Bye.", "kind": "order_link"}
    assert morgan.post(url(TEXTS, "change", text.pk), TYPED | changes).status_code == 302
    text.refresh_from_db()
    assert (text.kind, text.closing) == ("appointment_confirmed", "Bye.")
    assert morgan.post(url(TEXTS, "delete", text.pk), {"post": "yes"}).status_code == 302
    assert not MessageText.objects.exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"opening": "Dear {name}"}, "{name} is not known here. These can be used: {patient}, {service}"),
        ({"closing": "{patient"}, "A brace is open or left over. A placeholder has one on each side: {patient}"),
        ({"opening": "{patient.pk}"}, "{patient.pk} is not known here."),
        ({"subject": "{service}, {date}"}, "{service} is not known here. These can be used: {date}, {time}"),
        ({"kind": "verify_address", "opening": "Press it."}, "The opening of this message has to say {until}."),
    ],
)
def test_text_with_a_placeholder_that_does_not_exist_is_refused(changes, sentence, morgan):
    typed = TYPED | {"subject": "", "opening": ""} | changes
    with nothing_changes():
        page = morgan.post(url(TEXTS, "add"), typed)
        preview = morgan.post(url(TEXTS, "preview_new"), typed)

    assert sentence in get_text(page)
    assert preview.status_code == 422
    assert sentence in get_text(preview)


def test_find_mistakes_names_each_unknown_placeholder_once():
    assert find_mistakes("{a} {b} {a} {clinic}", ["clinic"]) == [
        "{a} is not known here. These can be used: {clinic}.",
        "{b} is not known here. These can be used: {clinic}.",
    ]
    assert find_mistakes("{{ clinic }}", []) == [
        "{ clinic } is not known here. These can be used: none.",
        "A brace is open or left over. A placeholder has one on each side: none.",
    ]


def test_preview_shows_the_draft_and_escapes_it(morgan):
    with nothing_changes():
        page = morgan.post(url(TEXTS, "preview_new"), TYPED)

    [framed] = re.findall('srcdoc="(.*?)"', page.text, re.S)
    mail = html.unescape(framed)
    assert '<p style="margin:0 0 16px">We look forward to Alex Example.</p>' in mail
    assert re.search(r'Park at <a href="https?://www\.clinic\.example/parking".*?</a> &amp; &lt;walk&gt;\.</p>', mail)
    assert "Park at www.clinic.example/parking &amp; &lt;walk&gt;.\n" in page.text  # as text
    assert re.search(r'">Yours,<br>Harbour Clinic</p>', mail)
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "script" not in page["Content-Security-Policy"]


def test_preview_shows_every_kind_and_every_language(morgan, settings):
    for kind, language in zip(MessageKind, cycle(settings.PATIENT_LANGUAGES), strict=False):
        page = morgan.post(url(TEXTS, "preview_new"), {"kind": kind, "language": language})
        assert page.status_code == 200, (kind, language, get_text(page))
    assert morgan.post(url(TEXTS, "preview_new"), {"kind": "sms.nothing", "language": "en-gb"}).status_code == 422


def test_text_message_has_one_part_and_is_counted(morgan, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    typed = {"kind": "sms.reminder", "language": "en-gb", "opening": "{clinic}: {date}, {time}. {link}"}
    page = get_text(morgan.get(url(TEXTS, "add"), {"kind": "sms.reminder", "language": "en-gb"}))
    assert "Text: Usually: “Harbour Clinic: your appointment is on" in page
    assert "Subject" not in page
    assert "Send the test" not in page

    shown = get_text(morgan.post(url(TEXTS, "preview_new"), typed))

    assert re.search(r"Harbour Clinic: \w+ \d+ \w+ 20\d\d, \d\d:00\. https://booking\.clinic\.example/r/x+", shown)
    assert "sent as 1 message." in shown
    assert morgan.post(url(TEXTS, "test_new"), typed | {"test_address": "morgan@example.org"}).status_code == 404
    assert morgan.post(url(TEXTS, "add"), typed).status_code == 302
    assert MessageText.objects.get().opening == "{clinic}: {date}, {time}. {link}"


def test_reception_reads_texts_and_changes_none(erin, text):
    assert "We look forward to {patient}." in get_text(erin.get(url(TEXTS, "change", text.pk)))
    assert "We look forward to Alex Example." in get_text(erin.get(url(TEXTS, "preview", text.pk)))
    with nothing_changes():
        assert erin.post(url(TEXTS, "change", text.pk), TYPED).status_code == 403
        assert erin.post(url(TEXTS, "add"), TYPED).status_code == 403
        assert erin.post(url(TEXTS, "delete", text.pk), {"post": "yes"}).status_code == 403
        for page in ("preview", "test"):
            assert erin.post(url(TEXTS, page, text.pk), TYPED | {"test_address": "erin@example.org"}).status_code == 403
            assert erin.post(url(TEXTS, f"{page}_new"), TYPED).status_code == 403


def test_clinicians_do_not_see_texts(danas_browser, text):
    for page in (url(TEXTS), url(TEXTS, "change", text.pk), url(TEXTS, "preview", text.pk)):
        assert danas_browser.get(page).status_code == 403


def test_test_is_sent_as_one_to_the_typed_address(morgan, mailoutbox):
    page = morgan.post(url(TEXTS, "test_new"), TYPED | {"test_address": "Morgan@example.org"})

    assert "It goes to Morgan@example.org and says that it is a test." in get_text(page)
    assert "example.org" not in str(OutboxMessage.objects.get().payload)
    assert "look forward" not in str(OutboxMessage.objects.get().payload)
    run_what_is_due()
    [mail] = mailoutbox
    assert mail.to == ["Morgan@example.org"]
    assert mail.subject.startswith("Test: See you on ")
    assert mail.body.startswith(
        "This is a test that the clinic’s staff have sent. The appointment in it is invented.\n\n"
        "Dear Alex Example,\n\nWe look forward to Alex Example.\n\nPark at www.clinic.example/parking & <walk>.\n\n"
    )
    assert mail.body.endswith("\n\nYours,\nHarbour Clinic\n\n")
    assert "This is a test" in mail.alternatives[0].content


def test_tests_to_an_address_of_nobody_at_the_clinic_are_few(morgan, mailoutbox, redis):
    typed = TYPED | {"test_address": "vic@example.org"}
    for number in range(5):
        assert morgan.post(url(TEXTS, "test_new"), typed).status_code == 200, number
    with nothing_changes():
        assert morgan.post(url(TEXTS, "test_new"), typed).status_code == 429
    run_what_is_due()
    assert len(mailoutbox) == 3
    assert set(OutboxMessage.objects.filter(status="failed").values_list("last_error", flat=True)) == {
        "That address has had as many e-mails today as strangers may cause."
    }


def test_test_to_no_address_is_refused(morgan):
    with nothing_changes():
        for address in ("", "morgan@", "a@example.org\nBcc: b@example.org"):
            assert morgan.post(url(TEXTS, "test_new"), TYPED | {"test_address": address}).status_code == 422
