"""Text messages, from the outbox to a gateway and back: ours speak to a stand-in over HTTP."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils.http import urlencode
from twilio.request_validator import RequestValidator

from booking.access.phone_numbers import note_confirmed
from booking.access.sms_links import report_token
from booking.dev.sms_gateway import StandInGateway, read_basic_auth
from booking.domain.text_messages import send_text
from booking.models import OutboxMessage, TextMessage
from scheduling.lib.clock import database_now
from tests.outbox import run_what_is_due

ALICE = "+447400123456"
SITE = "https://booking.clinic.example"

pytestmark = pytest.mark.django_db


@pytest.fixture
def stand_in(settings):
    """A gateway that may be reached, and Alice's number, which is proved."""
    settings.SITE_URL, settings.SMS_COUNTRIES, settings.SMS_SENDER = SITE, ["GB"], "Harbour"
    note_confirmed(ALICE, at=database_now())
    with StandInGateway() as server:
        settings.PRIVATE_HOSTS = [server.netloc]
        yield server


@pytest.fixture
def twilio(stand_in, settings):
    """Twilio, as its library speaks to it."""
    settings.SMS_BACKEND, settings.TWILIO_API_URL = "twilio", stand_in.url
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "1" * 32, "the account's token"
    return stand_in


@pytest.fixture
def plain(stand_in, settings):
    """A gateway that takes JSON."""
    settings.SMS_BACKEND, settings.SMS_GATEWAY_URL = "http_gateway", f"{stand_in.url}/send?channel=sms"
    settings.SMS_GATEWAY_HEADERS = {"X-Key": "a secret"}
    settings.SMS_GATEWAY_BODY = {
        "messages": [{"from": "{sender}", "to": "{to}", "text": "{text}", "dlr": "{callback}"}]
    }
    return stand_in


def send(body="Hello {to}", **options):
    return send_text(ALICE, body, **{"purpose": "test", **options})


def get_states():
    return list(TextMessage.objects.values_list("status", "gateway_id", "error"))


def test_twilio_is_sent_a_text_and_where_to_report(twilio):
    text = send("Ihr Termin – “bald”")

    assert run_what_is_due() == 1
    assert run_what_is_due() == 0

    [(headers, fields)] = twilio.texts
    assert fields == {
        "To": ALICE,
        "From": "Harbour",
        "Body": 'Ihr Termin - "bald"',
        "StatusCallback": f"{SITE}/sms/{report_token(text.pk)}",
    }
    assert read_basic_auth(headers) == ("AC" + "1" * 32, "the account's token")
    assert get_states() == [("sent", f"SM{1:032}", "")]


def test_twilio_messaging_service_is_named_as_such(twilio, settings):
    settings.SMS_SENDER, settings.SITE_URL = "MG" + "2" * 32, ""
    send("Hello")
    run_what_is_due()

    assert twilio.texts[0][1] == {"To": ALICE, "MessagingServiceSid": "MG" + "2" * 32, "Body": "Hello"}


def report(client, text, fields, **headers):
    return client.post(
        f"/sms/{report_token(text.pk)}", urlencode(fields), "application/x-www-form-urlencoded", headers=headers
    )


def test_twilio_reports_are_believed_if_they_are_signed(twilio, client, settings):
    text = send()
    run_what_is_due()
    for fields, expected in [
        ({"MessageStatus": "sent"}, ("sent", "")),
        ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, ("failed", "30003")),
        ({"MessageStatus": "delivered"}, ("delivered", "")),
        ({"MessageStatus": "failed", "ErrorCode": "30005"}, ("delivered", "")),  # it came late
    ]:
        before = get_states()
        assert report(client, text, fields).status_code == 404
        assert report(client, text, fields, x_twilio_signature="forged").status_code == 404
        assert get_states() == before

        url = f"{SITE}/sms/{report_token(text.pk)}"
        signature = RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(url, fields)
        assert report(client, text, fields, x_twilio_signature=signature).status_code == 204
        [(status, _, error)] = get_states()
        assert (status, error) == expected
    other = "A" * len(report_token(text.pk))
    assert client.post(f"/sms/{other}").status_code == 404
    assert client.get(f"/sms/{report_token(text.pk)}").status_code == 405


def test_gateway_is_asked_as_the_settings_say(plain):
    text = send('Say "yes" to {sender}, {to}')
    run_what_is_due()

    [(headers, fields)] = plain.texts
    assert fields == {
        "messages": [
            {
                "from": "Harbour",
                "to": ALICE,
                "text": 'Say "yes" to {sender}, {to}',  # nothing is put into what was put in
                "dlr": f"{SITE}/sms/{report_token(text.pk)}",
            }
        ]
    }
    assert headers["X-Key"] == "a secret"
    assert get_states() == [("sent", f"SM{1:032}", "")]


def test_gateway_can_be_sent_a_form_and_reports_in_its_own_words(plain, settings, client):
    settings.SMS_GATEWAY_FORMAT, settings.SMS_GATEWAY_BODY = "form", {"to": "{to}", "text": "{text}", "dlr": 1}
    text = send("a&b=c")
    run_what_is_due()
    assert plain.texts[0][1] == {"to": ALICE, "text": "a&b=c", "dlr": "1"}

    settings.SMS_GATEWAY_STATUS_FIELD = "state"
    assert report(client, text, {"state": "BUFFERED"}).status_code == 204
    assert get_states()[0][0] == "sent"
    for body in ("[" * 100_000, '{"results": [{"id": 1, "state": "DELIVRD"}]}'):
        assert client.post(f"/sms/{report_token(text.pk)}", body, "application/json").status_code == 204
    assert get_states()[0][0] == "delivered"


@pytest.mark.parametrize("gateway", ["twilio", "plain"])
def test_text_that_is_refused_fails_and_one_that_cannot_be_sent_is_tried_again(gateway, request, caplog):
    stand_in = request.getfixturevalue(gateway)
    stand_in.status, stand_in.code = 400, 21211
    send("A secret word")
    run_what_is_due()
    assert OutboxMessage.objects.get().status == "failed"
    assert get_states() == [("failed", "", "21211" if gateway == "twilio" else "400")]

    TextMessage.objects.all().delete()
    OutboxMessage.objects.all().delete()
    stand_in.status = 503
    send("A secret word")
    run_what_is_due()
    assert OutboxMessage.objects.get().status == "waiting"
    assert get_states() == [("queued", "", "")]

    stand_in.status = 201
    OutboxMessage.objects.update(due_at=database_now())
    run_what_is_due()
    assert get_states()[0][0] == "sent"
    written = caplog.text + str(list(OutboxMessage.objects.values()))
    assert ALICE not in written
    assert "A secret word" not in written


def test_text_that_could_not_be_sent_for_the_last_time_has_failed(plain):
    plain.status = 503
    send()
    OutboxMessage.objects.update(attempts=6)

    run_what_is_due()

    assert OutboxMessage.objects.get().status == "failed"
    assert get_states() == [("failed", "", "unavailable")]


def test_no_text_goes_to_a_number_that_a_stranger_has_typed(plain, book, at):
    stranger = "+447400123457"
    visit = book(at(9))
    visit.attendee_phone, visit.verification = stranger, "waived"
    assert send_text(stranger, "Hello", purpose="reminder", appointment=visit) is None
    assert send_text(stranger, "Hello", purpose="reminder") is None
    assert send_text("+33612345678", "Hello", purpose="code", is_proof=True) is None
    assert not TextMessage.objects.exists()

    visit.verification = ""  # booked by staff or with a secret key
    assert send_text(stranger, "Hello", purpose="reminder", appointment=visit)


def test_codes_to_an_unproved_number_are_few(plain):
    for _ in range(4):
        send_text("+447400123457", "123456 is your code", purpose="code", is_proof=True)
    run_what_is_due()

    assert len(plain.texts) == 3
    assert sorted(get_states())[0] == ("failed", "", "limit")


def test_text_that_has_expired_is_not_sent(plain):
    send(expires_at=database_now() - timedelta(seconds=1))
    run_what_is_due()

    assert (plain.texts, get_states()) == ([], [("failed", "", "expired")])


def test_gateway_at_a_private_address_is_not_asked(plain, settings):
    settings.PRIVATE_HOSTS = []
    send()
    run_what_is_due()

    assert urlsplit(settings.SMS_GATEWAY_URL).hostname == "127.0.0.1"
    assert (plain.asked, OutboxMessage.objects.get().status) == (0, "waiting")
