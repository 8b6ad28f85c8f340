"""Signatures of Standard Webhooks, with its own package as the oracle."""

import base64
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from booking.access.signatures import BadSignature, make_secret, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def signed(secret=SECRET, *, body=BODY, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=None):
    return sign([secret], message_id=message_id, at=at or timezone.now(), body=body)


def test_signature_matches_example_of_specification():
    at = timezone.datetime.fromtimestamp(1614265330, timezone.get_default_timezone())
    assert signed(at=at) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_secret_is_32_random_bytes():
    one, other = make_secret(), make_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


@given(body=st.text().map(str.encode), message_id=st.uuids())
def test_signature_is_accepted_by_standardwebhooks(body, message_id):
    secret = make_secret()
    Webhook(secret).verify(body, signed(secret, body=body, message_id=message_id), json_parse=False)


@given(body=st.text().map(str.encode))
def test_signature_of_standardwebhooks_is_accepted(body):
    now, secret = timezone.now(), make_secret()
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", now, body.decode()),
    }
    assert verify(secret, headers, body, now) == "msg_1"


def test_signature_with_two_secrets_is_accepted_for_either():
    old, new, other = make_secret(), make_secret(), make_secret()
    headers = sign([new, old], message_id=uuid4(), at=timezone.now(), body=BODY)
    for secret in (old, new):
        assert verify(secret, headers, BODY, timezone.now()) == headers["webhook-id"]
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(BadSignature):
        verify(other, headers, BODY, timezone.now())
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


@pytest.mark.parametrize("minutes, is_fine", [(0, True), (4.9, True), (-4.9, True), (5.1, False), (-5.1, False)])
def test_signature_older_than_five_minutes_is_refused(minutes, is_fine):
    now = timezone.now()
    headers = signed(at=now - timedelta(minutes=minutes))
    if is_fine:
        assert verify(SECRET, headers, BODY, now)
    else:
        with pytest.raises(BadSignature):
            verify(SECRET, headers, BODY, now)


WRONG = {
    "another body": {"body": BODY + b" "},
    "an empty body": {"body": b""},
    "another secret": {"secret": make_secret()},
    "no secret": {"secret": ""},
    "a secret without bytes": {"secret": "whsec_"},
    "a short secret": {"secret": "whsec_" + base64.b64encode(b"x" * 23).decode()},
    "a secret that is none": {"secret": "whsec_é"},
    "another id": {"webhook-id": "msg_2"},
    "no id": {"webhook-id": None},
    "an empty id": {"webhook-id": ""},
    "an id with a border in it": {"webhook-id": "msg.1614265330"},
    "an id in two lines": {"webhook-id": "a\nb"},
    "another time": {"webhook-timestamp": str(int(timezone.now().timestamp()) + 1)},
    "no time": {"webhook-timestamp": None},
    "a time that is none": {"webhook-timestamp": "now"},
    "a time with a sign": {"webhook-timestamp": "+1614265330"},
    "a time with a fraction": {"webhook-timestamp": "1614265330.5"},
    "a time in other digits": {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
    "a time without end": {"webhook-timestamp": "9" * 400},
    "a time of the year 5138": {"webhook-timestamp": "99999999999"},
    "no signature": {"webhook-signature": None},
    "an empty signature": {"webhook-signature": ""},
    "a signature of no version": {"webhook-signature": lambda right: right.removeprefix("v1,")},
    "a signature of another version": {"webhook-signature": lambda right: right.replace("v1", "v1a")},
    "half a signature": {"webhook-signature": lambda right: right[:-5]},
    "a longer signature": {"webhook-signature": lambda right: right + "A"},
    "other letters": {"webhook-signature": lambda right: right.swapcase()},
    "strange letters": {"webhook-signature": "v1,é\ud800"},
    "many": {"webhook-signature": "v1,AAAA " * 1000},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_or_malformed_signature_is_refused(wrong):
    headers, arguments = signed(), {"secret": SECRET, "body": BODY}
    for name, value in wrong.items():
        if name in arguments:
            arguments[name] = value
        elif value is None:
            del headers[name]
        else:
            headers[name] = value(headers[name]) if callable(value) else value
    with pytest.raises(BadSignature):
        verify(arguments["secret"], headers, arguments["body"], timezone.now())


def test_right_signature_among_wrong_ones_is_accepted():
    headers = signed()
    headers["webhook-signature"] = f"v1a,AAAA v1,AAAA  {headers['webhook-signature']} v2,x"
    assert verify(SECRET, headers, BODY, timezone.now())


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "whsec_!", "whsec_" + "A" * 100])
def test_malformed_secret_signs_nothing(secret):
    with pytest.raises(ValueError, match="24 to 64"):
        signed(secret)
