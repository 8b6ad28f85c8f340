"""Any gateway that takes texts as one HTTP request, as the settings SMS_GATEWAY_… describe it."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

from booking.integrations.sms.base import TIMEOUT, Rejected, Report, Text, Unavailable, is_transient
from booking.models import TextMessage
from booking.outbox.retry import parse_retry_after
from scheduling.lib import safe_http

Status = TextMessage.Status


class Gateway:
    def send(self, text: Text) -> str:
        """POST a text as the template says. Raises Rejected or Unavailable."""
        values = {
            "id": str(text.id),
            "to": text.number,
            "text": text.body,
            "sender": settings.SMS_SENDER,
            "callback": text.callback_url,
        }
        content_type, body = encode(fill(settings.SMS_GATEWAY_BODY, values), settings.SMS_GATEWAY_FORMAT)
        headers = {"Content-Type": content_type, **settings.SMS_GATEWAY_HEADERS}
        try:
            answer = safe_http.send("POST", settings.SMS_GATEWAY_URL, body=body, headers=headers, timeout=TIMEOUT)
        except (safe_http.Unreachable, safe_http.NotPublic) as error:
            raise Unavailable(f"the gateway cannot be reached: {error}") from error
        if is_transient(answer.status):
            raise Unavailable(f"the gateway answered {answer.status}", parse_retry_after(answer, now=timezone.now()))
        if not 200 <= answer.status < 300:
            raise Rejected(str(answer.status))
        return find_value(answer.body, settings.SMS_GATEWAY_ID_FIELD)

    def read_report(self, request, form: Mapping[str, str]) -> Report | None:
        """Return what a form or JSON says in the field SMS_GATEWAY_STATUS_FIELD.

        No need to look for a signature: only the gateway was told the address, which is random.
        """
        name = settings.SMS_GATEWAY_STATUS_FIELD
        word = (form.get(name) or find_value(request.body, name)).strip().lower()
        if word in settings.SMS_GATEWAY_DELIVERED:
            return Report(Status.DELIVERED)
        return Report(Status.FAILED, word) if word in settings.SMS_GATEWAY_FAILED else None


def fill(template: Any, values: Mapping[str, str]) -> Any:
    """Return a template, as JSON has it, with ``{name}`` replaced in all its texts.

    In texts only, which are encoded afterwards: what is put in can end no text.
    """
    match template:
        case dict():
            return {name: fill(part, values) for name, part in template.items()}
        case list():
            return [fill(part, values) for part in template]
        case str():
            # In one go: what is put in may have braces.
            pieces = template.split("{")
            return pieces[0] + "".join(_fill_piece(piece, values) for piece in pieces[1:])
    return template


def _fill_piece(piece, values):
    name, closes, rest = piece.partition("}")
    return values[name] + rest if closes and name in values else "{" + piece


def encode(filled: Any, style: str) -> tuple[str, bytes]:
    """Return the content type and the body of a filled template."""
    if style == "form":
        return "application/x-www-form-urlencoded", urlencode(filled, doseq=True).encode()
    return "application/json", json.dumps(filled, ensure_ascii=False).encode()


def find_value(body: bytes, name: str) -> str:
    """Return the first value of that name in a JSON text, at whatever depth, or ""."""
    try:
        parts = [json.loads(body)]
    except (ValueError, RecursionError):
        return ""
    for part in parts:  # it grows
        if isinstance(part, dict):
            if isinstance(part.get(name), str | int):
                return str(part[name])[:100]
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return ""
