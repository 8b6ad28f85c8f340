"""Speaking CalDAV (RFC 4791) with a clinician's calendar elsewhere."""

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree

from django.utils import timezone

from booking.outbox.retry import parse_retry_after
from scheduling.lib.safe_http import NotPublic, Unreachable, basic_auth, send

TIMEOUT = 8.0  # seconds; a push may ask a few times, well within queue.CLAIM
# Another writer was in the way, or the server asks for patience.
PASSING = {408, 409, 412, 423, 425, 429}
REFUSALS = {
    401: "It refuses the user name or the password.",
    403: "It does not allow this user to do that.",
    404: "There is no calendar at its address.",
}
PROPERTIES = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><current-user-privilege-set/></prop></propfind>"""
WRITING = {f"{{DAV:}}{name}" for name in ("all", "write", "write-content", "bind")}


class CalendarRefused(Exception):
    """The calendar has not done what was asked; ``is_passing`` says whether it may do it later.

    ``after`` (a timedelta) is how long it asks to be left alone, if it does.
    """

    def __init__(self, sentence, *, is_passing=False, after=None):
        self.is_passing, self.after = is_passing, after
        super().__init__(sentence)


def put(calendar, name, content):
    """Write ``content`` (bytes) as ``name`` into the calendar, over whatever was there. Raises CalendarRefused."""
    _ask(calendar, "PUT", name, body=content, headers={"Content-Type": "text/calendar; charset=utf-8"})


def remove(calendar, name):
    """Take what is called ``name`` out of the calendar, where it may be missing. Raises CalendarRefused."""
    _ask(calendar, "DELETE", name, fine={HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


def check(calendar):
    """Raise CalendarRefused unless the address is that of a calendar in which the user may write."""
    headers = {"Content-Type": "application/xml; charset=utf-8", "Depth": "0"}
    answer = _ask(calendar, "PROPFIND", "", body=PROPERTIES, headers=headers)
    try:
        # A bounded answer, of a parser that neither fetches what it names nor unfolds it without end.
        told = {element.tag for element in ElementTree.fromstring(answer.body).iter()}  # noqa: S314
    except ElementTree.ParseError:
        told = set()
    if "{urn:ietf:params:xml:ns:caldav}calendar" not in told:
        raise CalendarRefused("It answers, but its address is not that of a calendar.")
    if "{DAV:}privilege" in told and not WRITING & told:
        raise CalendarRefused("It is a calendar, but this user may only read it.")


def _ask(calendar, method, name, *, body=None, headers=None, fine=()):
    headers = basic_auth(calendar.username, calendar.password) | (headers or {})
    try:
        answer = send(method, get_resource_url(calendar, name), body=body, headers=headers, timeout=TIMEOUT)
    except NotPublic as error:
        raise CalendarRefused("Its address must be https, and on the public internet.") from error
    except Unreachable as error:
        raise CalendarRefused(f"It cannot be reached: {error}.", is_passing=True) from error
    if not (200 <= answer.status < 300 or answer.status in fine):
        raise CalendarRefused(
            _refusal(answer.status),
            is_passing=answer.status in PASSING or answer.status >= 500,
            after=parse_retry_after(answer, now=timezone.now()),
        )
    return answer


def get_resource_url(calendar, name):
    """Return the address of what is called ``name`` in the calendar's collection."""
    parts = urlsplit(str(calendar.url))
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}", fragment=""))


def _refusal(status):
    if 300 <= status < 400:
        return f"It has moved (status {status}): its address here must be the one it has now."
    return REFUSALS.get(status, f"It answers with status {status}.")
