"""Reads a calendar at its iCalendar address. Neither writes to the database nor reads from it."""

import hashlib
import re
import time
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from scheduling.calendars.base import NotACalendar, NoTime, Refused, TooLarge, TooManyRedirects, is_own_uid
from scheduling.calendars.sandbox import busy_times_in_sandbox
from scheduling.calendars.trimming import trim
from scheduling.lib.safe_http import basic_auth, send

MAX_BYTES = 20_000_000
MAX_REDIRECTS = 4
VERSION = "1"  # of how feeds are understood: another one, and each of them is worked out again


class Reading(NamedTuple):
    """What a calendar says; ``busy`` is None when that is what it said before. In instants, merged, sorted."""

    busy: list | None
    etag: str = ""
    last_modified: str = ""
    fingerprint: str = ""


def read(calendar, scope, *, timeout):
    """Return the Reading of a calendar within ``timeout`` seconds; raise CannotRead, NotPublic or Unreachable."""
    deadline = time.monotonic() + timeout
    # Known, but not far enough: then "not modified" is of no use.
    is_known = bool(calendar.read_until and calendar.read_until >= scope.needed_until)
    answer = fetch(calendar, is_known=is_known, deadline=deadline)
    if answer.status == 304 and is_known:
        return Reading(None, calendar.etag, calendar.last_modified, calendar.fingerprint)
    if answer.status != 200:
        raise Refused(answer.status)
    if answer.is_cut:
        raise TooLarge
    feed = trim(
        answer.body,
        start=scope.start,
        end=scope.end,
        is_own=lambda uid: is_own_uid(uid, clinician_id=calendar.clinician_id),
        owner=get_owner(calendar.url),
    )
    tags = {
        "etag": fitting(answer.headers.get("ETag"), 500),
        "last_modified": fitting(answer.headers.get("Last-Modified"), 100),
        "fingerprint": fingerprint(feed, scope),
    }
    # Most servers call a calendar modified whenever they are asked.
    if is_known and tags["fingerprint"] == calendar.fingerprint:
        return Reading(None, **tags)
    left = deadline - time.monotonic()
    return Reading(busy_times_in_sandbox(feed, start=scope.start, end=scope.end, zone=scope.zone, timeout=left), **tags)


def fingerprint(feed, scope):
    parts = [VERSION, *feed, str(scope.zone)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def fitting(header, limit):
    """Return a header's value, or nothing where it is too long to be sent back as it is."""
    return header if header and len(header) <= limit and header.isascii() and header.isprintable() else ""


def fetch(calendar, *, is_known, deadline):
    """Return the Answer at the end of at most a few redirects, each to an address that is checked like the first."""
    url = first = plain_address(calendar.url)
    headers = {"Accept": "text/calendar, */*;q=0.1"}
    if is_known and calendar.etag:
        headers["If-None-Match"] = calendar.etag
    if is_known and calendar.last_modified:
        headers["If-Modified-Since"] = calendar.last_modified
    for _ in range(MAX_REDIRECTS + 1):
        is_its_server = calendar.username and origin(url) == origin(first)
        password = basic_auth(calendar.username, calendar.password) if is_its_server else {}
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoTime
        answer = send("GET", url, headers=headers | password, timeout=left, limit=MAX_BYTES)
        location = answer.headers.get("Location")
        if answer.status not in (301, 302, 303, 307, 308) or not location:
            return answer
        try:
            url = urljoin(url, plain_address(location))
        except ValueError as error:
            raise NotACalendar from error
    raise TooManyRedirects


def plain_address(url):
    """Return an address with https for the webcal that many calendars write theirs with."""
    scheme, colon, rest = url.strip().partition(":")
    return f"https:{rest}" if scheme.lower() in ("webcal", "webcals") and colon else url.strip()


def get_owner(url):
    """Return the e-mail address of the person whose calendar an address of Google's leads to, or an empty text."""
    # From nothing else is it certain: a calendar's name may be anything, and who signs in may read that of another.
    found = re.search("/calendar/ical/([^/]+@[^/]+)/", unquote(urlsplit(url).path))
    return found[1] if found else ""


def origin(url):
    return urlsplit(url)[:2]


def get_message(error):
    """Return the sentence that tells staff why ``error`` (CannotRead, NotPublic, Unreachable) was raised."""
    return str(error.message)
