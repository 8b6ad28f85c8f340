"""Twilio, by its own library, whose requests go through safe_http: bounded in time, to public addresses."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from booking.integrations.sms.base import TIMEOUT, Rejected, Report, Text, Unavailable, is_transient
from booking.models import TextMessage
from scheduling.lib import safe_http

Status = TextMessage.Status
# Twilio's own words. A text that was sent is handed over, and we know that already.
STATUSES = {"delivered": Status.DELIVERED, "failed": Status.FAILED, "undelivered": Status.FAILED}


class Gateway:
    def send(self, text: Text) -> str:
        """Create a message of the account and return its SID. Raises Rejected or Unavailable."""
        client = Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=SafeHttpClient())
        client.api.base_url = settings.TWILIO_API_URL
        sender = settings.SMS_SENDER
        from_whom = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        if text.callback_url:
            from_whom["status_callback"] = text.callback_url
        try:
            message = client.messages.create(to=text.number, body=text.body, **from_whom)  # pyright: ignore
        except TwilioRestException as error:
            if is_transient(error.status):
                raise Unavailable(f"Twilio answered {error.status}") from None  # its message may have the number
            raise Rejected(str(error.code)) from None
        except TwilioException:
            raise Unavailable("Twilio's answer could not be read") from None
        return str(message.sid)

    def read_report(self, request, form: Mapping[str, str]) -> Report | None:
        """Return what Twilio reports, if it has signed the form with the account's token."""
        validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
        signed = settings.SITE_URL + request.get_full_path()
        if not validator.validate(signed, form, request.headers.get("X-Twilio-Signature", "")):
            raise PermissionDenied
        status = STATUSES.get(form.get("MessageStatus", ""))
        return Report(status, form.get("ErrorCode", "")) if status else None


class SafeHttpClient(HttpClient):
    """Twilio's requests, sent by safe_http."""

    def __init__(self) -> None:
        pass  # what the library keeps of its last request has a number

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Any:
        """Send one request and return Twilio's Response; raises Unavailable."""
        url = f"{uri}?{urlencode(params, doseq=True)}" if params else uri
        body = urlencode(data, doseq=True) if data else None
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        headers |= safe_http.basic_auth(*auth) if auth else {}
        try:
            answer = safe_http.send(method, url, body=body, headers=headers, timeout=TIMEOUT)
        except (safe_http.Unreachable, safe_http.NotPublic) as error:
            raise Unavailable(f"Twilio cannot be reached: {error}") from error
        return Response(answer.status, answer.body.decode(errors="replace"), answer.headers)
