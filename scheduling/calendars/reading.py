"""Read a calendar at its iCalendar address, without any access to the database."""

import hashlib
import re
import string
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from django.conf import settings

from scheduling.availability.intervals import Interval
from scheduling.calendars.base import (
    CannotRead,
    NotACalendar,
    NoTime,
    NotUnderstood,
    Refused,
    TooLarge,
    TooManyRedirects,
    is_own_uid,
)
from scheduling.calendars.content_encoding import undo_content_encoding
from scheduling.calendars.sandbox import compute_in_sandbox
from scheduling.calendars.scope import Scope
from scheduling.calendars.trimming import Feed, trim_feed
from scheduling.lib.safe_http import Answer, NotPublic, Unreachable, basic_auth, send
from scheduling.models import Calendar

MAX_BYTES = 20_000_000
MAX_REDIRECTS = 4
PARSER_VERSION = "2"  # raise it to have every feed read and computed again


class Reading(NamedTuple):
    """A calendar's busy time as merged intervals of instants; None if it is the same as in the last reading.

    The same holds for the events that were ``not_understood`` then.
    """

    busy: list[Interval] | None
    etag: str = ""
    last_modified: str = ""
    fingerprint: str = ""
    not_understood: Sequence[NotUnderstood] = ()


def read_calendar(calendar: Calendar, scope: Scope, *, timeout: float) -> Reading:
    """Return the Reading of a calendar within ``timeout`` seconds, or raise CannotRead, NotPublic or Unreachable."""
    deadline = time.monotonic() + timeout
    # "Not modified" is of no use if the last reading did not reach far enough, or was computed differently.
    reaches_far_enough = bool(calendar.read_until and calendar.read_until >= scope.needed_until)
    is_known = reaches_far_enough and calendar.fingerprint.startswith(f"{PARSER_VERSION}:")
    answer = fetch_feed(calendar, is_known=is_known, deadline=deadline)
    if answer.status == 304 and is_known:
        return Reading(None, calendar.etag, calendar.last_modified, calendar.fingerprint)
    if answer.status != 200:
        raise Refused(answer.status)
    if answer.is_cut:
        raise TooLarge
    feed = trim_feed(
        undo_content_encoding(answer.body, answer.headers["Content-Encoding"], limit=MAX_BYTES),
        start=scope.start,
        end=scope.end,
        is_own=lambda uid: is_own_uid(uid, clinician_id=calendar.clinician_id),
        owner=get_owner(calendar.url),
    )
    reading = Reading(
        None,
        etag=get_sendable_tag(answer.headers.get("ETag"), 500),
        last_modified=get_sendable_tag(answer.headers.get("Last-Modified"), 100),
        fingerprint=compute_fingerprint(feed, scope),
    )
    # Compare ourselves: most servers call a calendar modified each time.
    if is_known and reading.fingerprint == calendar.fingerprint:
        return reading
    left = deadline - time.monotonic()
    found = compute_in_sandbox(
        feed,
        start=scope.start,
        end=scope.end,
        zone=scope.zone,
        timeout=left,
        only_all_day=calendar.kind == Calendar.Kind.HOLIDAYS,
        ignored=scope.ignored,
    )
    return reading._replace(busy=found.intervals, not_understood=found.not_understood)


def compute_fingerprint(feed: Feed, scope: Scope) -> str:
    """Return PARSER_VERSION and a hash of whatever the busy time is computed from, in 64 characters."""
    text = "\0".join([*feed, str(scope.zone), *sorted(scope.ignored)])
    return f"{PARSER_VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"[:64]


def get_sendable_tag(header: str | None, limit: int) -> str:
    """Return a header's value if we can store it and send it back unchanged, else an empty string."""
    return header if header and len(header) <= limit and header.isascii() and header.isprintable() else ""


def fetch_feed(calendar: Calendar, *, is_known: bool, deadline: float) -> Answer:
    """Return the final Answer after at most MAX_REDIRECTS redirects; each address is checked like the first."""
    url = first = normalize_address(calendar.url)
    headers = {"Accept": "text/calendar, */*;q=0.1", "User-Agent": get_user_agent()}
    if is_known and calendar.etag:
        headers["If-None-Match"] = calendar.etag
    if is_known and calendar.last_modified:
        headers["If-Modified-Since"] = calendar.last_modified
    for _ in range(MAX_REDIRECTS + 1):
        is_same_server = calendar.username and get_origin(url) == get_origin(first)
        password = basic_auth(calendar.username, calendar.password) if is_same_server else {}
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoTime
        answer = send("GET", url, headers=headers | password, timeout=left, limit=MAX_BYTES)
        location = answer.headers.get("Location")
        if answer.status not in (301, 302, 303, 307, 308) or not location:
            return answer
        try:
            # Servers send blanks and letters as they are; http.client has read them as Latin-1.
            location = quote(location.strip(), safe=string.punctuation, encoding="latin-1")
            url = urljoin(url, normalize_address(location))
        except ValueError as error:
            raise NotACalendar from error
    raise TooManyRedirects


def get_user_agent() -> str:
    """Return how we introduce ourselves to calendars' servers: like a browser, with our name and the clinic's site."""
    # Outlook answers 500, or leads to a page of errors, if this lacks Mozilla/5.0, a system or a Chrome of these years.
    site = f"; +{settings.SITE_URL}" if settings.SITE_URL else ""
    return f"Mozilla/5.0 (X11; Linux; compatible; Holdfast{site}) Chrome/139.0.0.0 Safari/537.36"


def normalize_address(url: str) -> str:
    """Return a calendar's address with https in place of webcal."""
    scheme, colon, rest = url.strip().partition(":")
    return f"https:{rest}" if scheme.lower() in ("webcal", "webcals") and colon else url.strip()


def get_owner(url: str) -> str:
    """Return the e-mail address of a Google calendar's owner, or an empty string for any other address."""
    # Nothing else is certain: a calendar may have any name, and a username may read another person's calendar.
    found = re.search("/calendar/ical/([^/]+@[^/]+)/", unquote(urlsplit(url).path))
    return found[1] if found else ""


def get_origin(url: str) -> tuple[str, str]:
    """Return the scheme and the host, with its port, of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def get_message(error: CannotRead | NotPublic | Unreachable) -> str:
    """Return the sentence that tells staff why ``error`` (CannotRead, NotPublic, Unreachable) was raised."""
    return str(error.message)
