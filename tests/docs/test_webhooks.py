"""docs/webhooks.md: its code verifies our signatures, and its tables match the code."""

import json
import re
import shutil
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from booking.access.signatures import make_secret, sign
from booking.dev.servers import BASE_DIR
from booking.integrations.webhooks.delivery import ATTEMPT_DELAYS
from booking.models import WebhookEndpoint

PAGE = (BASE_DIR / "docs" / "webhooks.md").read_text()
BODY = '{"type":"hold.placed","name":"é"}'.encode()


def find_code_block(language):
    [code] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return code


def verify_in_python(secret, headers, body):
    names = {}
    exec(find_code_block("python"), names)
    try:
        names["verify"](secret, headers, body)
    except ValueError as error:
        return str(error)
    return "fine"


def verify_in_javascript(secret, headers, body):
    if not shutil.which("node"):
        pytest.skip("There is no node here.")
    call = f"""
        const [secret, headers, body] = {json.dumps([secret, headers, body.hex()])};
        try {{ verify(secret, headers, Buffer.from(body, "hex")); console.log("fine"); }}
        catch (error) {{ console.log(error.message); }}
    """
    ran = subprocess.run(
        ["node", "--input-type=module", "-"],
        input=find_code_block("javascript") + call,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


@pytest.mark.parametrize("verify_delivery", [verify_in_python, verify_in_javascript])
def test_webhooks_page_code_accepts_valid_signature_only(verify_delivery):
    old, new, now = make_secret(), make_secret(), timezone.now()
    headers = sign([new, old], message_id="msg_1", at=now, body=BODY)
    assert verify_delivery(old, headers, BODY) == verify_delivery(new, headers, BODY) == "fine"
    assert verify_delivery(make_secret(), headers, BODY) == "not from Holdfast"
    assert verify_delivery(new, headers, BODY + b" ") == "not from Holdfast"
    assert verify_delivery(new, {**headers, "webhook-id": "msg_2"}, BODY) == "not from Holdfast"
    assert verify_delivery(new, {**headers, "webhook-signature": "v1,é"}, BODY) == "not from Holdfast"
    late = sign([new], message_id="msg_1", at=now - timedelta(minutes=6), body=BODY)
    assert verify_delivery(new, late, BODY) == "too old"


def test_webhooks_page_code_has_at_most_eleven_lines():
    for language in ("python", "javascript"):
        assert len(find_code_block(language).strip().splitlines()) <= 11


def test_webhooks_page_names_every_event_kind():
    assert set(WebhookEndpoint.Kind.values) == set(re.findall(r"`((?:hold|appointment|order|patient)\.[a-z_]+)`", PAGE))


def test_webhooks_page_retry_schedule_matches_code():
    hours = [int(tried.total_seconds() // 3600) for tried in ATTEMPT_DELAYS[4:]]
    assert f"5 seconds, 5 minutes, 30 minutes, {', '.join(map(str, hours[:-1]))} and {hours[-1]} hours" in PAGE
    assert len(ATTEMPT_DELAYS) == 10
    assert sum(ATTEMPT_DELAYS, timedelta()).days == 3
