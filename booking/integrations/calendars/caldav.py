"""CalDAV client (RFC 4791) for clinicians' own calendars."""

from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree

from django.utils import timezone

from booking.outbox.retry import parse_retry_after
from scheduling.lib.safe_http import NotPublic, Unreachable, basic_auth, send
from scheduling.models import Calendar

TIMEOUT = 8.0  # seconds per request; a push sends several and must stay well within queue.CLAIM
# A conflict with another writer, or an overloaded server.
RETRYABLE_STATUSES = {408, 409, 412, 423, 425, 429}
REFUSAL_SENTENCES = {
    401: "It refuses the user name or the password.",
    403: "It does not allow this user to do that.",
    404: "There is no calendar at its address.",
}
PROPFIND_BODY = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><current-user-privilege-set/></prop></propfind>"""
WRITE_PRIVILEGES = {f"{{DAV:}}{name}" for name in ("all", "write", "write-content", "bind")}


class CalendarRefused(Exception):
    """The calendar refused a request. If ``is_temporary``, retry later, and not before ``after`` if that is set."""

    def __init__(self, sentence: str, *, is_temporary: bool = False, after: timedelta | None = None) -> None:
        self.is_temporary, self.after = is_temporary, after
        super().__init__(sentence)


def put_resource(calendar: Calendar, name: str, content: bytes) -> None:
    """Create or replace ``name`` in the calendar. Raises CalendarRefused."""
    _send_request(calendar, "PUT", name, body=content, headers={"Content-Type": "text/calendar; charset=utf-8"})


def delete_resource(calendar: Calendar, name: str) -> None:
    """Delete ``name`` from the calendar, which may lack it. Raises CalendarRefused."""
    _send_request(calendar, "DELETE", name, accepted={HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


def check_calendar(calendar: Calendar) -> None:
    """Raise CalendarRefused unless the address is a calendar's and the user may write to it."""
    headers = {"Content-Type": "application/xml; charset=utf-8", "Depth": "0"}
    answer = _send_request(calendar, "PROPFIND", "", body=PROPFIND_BODY, headers=headers)
    try:
        # Safe: the answer is bounded, and expat neither fetches external entities nor expands them without limit.
        tags = {element.tag for element in ElementTree.fromstring(answer.body).iter()}  # noqa: S314
    except ElementTree.ParseError:
        tags = set()
    if "{urn:ietf:params:xml:ns:caldav}calendar" not in tags:
        raise CalendarRefused("It answers, but its address is not that of a calendar.")
    if "{DAV:}privilege" in tags and not WRITE_PRIVILEGES & tags:
        raise CalendarRefused("It is a calendar, but this user may only read it.")


def _send_request(calendar, method, name, *, body=None, headers=None, accepted=()):
    headers = basic_auth(calendar.username, calendar.password) | (headers or {})
    try:
        answer = send(method, get_resource_url(calendar, name), body=body, headers=headers, timeout=TIMEOUT)
    except NotPublic as error:
        raise CalendarRefused("Its address must be https, on port 443 or 8443, and public.") from error
    except Unreachable as error:
        raise CalendarRefused(f"It cannot be reached: {error}.", is_temporary=True) from error
    if not (200 <= answer.status < 300 or answer.status in accepted):
        raise CalendarRefused(
            _describe_refusal(answer.status),
            is_temporary=answer.status in RETRYABLE_STATUSES or answer.status >= 500,
            after=parse_retry_after(answer, now=timezone.now()),
        )
    return answer


def get_resource_url(calendar: Calendar, name: str) -> str:
    """Return the address of ``name`` in the calendar's collection."""
    parts = urlsplit(str(calendar.url))
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}", fragment=""))


def _describe_refusal(status):
    if 300 <= status < 400:
        return f"It has moved (status {status}): its address here must be the one it has now."
    return REFUSAL_SENTENCES.get(status, f"It answers with status {status}.")
