"""What a request is told that is refused before anything has read it: 503, and when to come back.

Those who come back do so at different times, so that they are no second rush.
"""

import re
import secrets
import uuid
from http import HTTPMethod
from random import Random

from django.conf import settings

from booking.api.dialects.problem_writers import get_writer
from booking.api.exception_handler import problem_response
from booking.api.refusals import Busy
from booking.ops.fixed_pages import get_page, get_page_headers
from booking.ops.metrics.counted import SHED
from scheduling.lib.languages import choose_language, split_path

MIN_SECONDS, MAX_SECONDS = 3, 9

REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,8190}) HTTP/1\.[01]\r\n")
REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([A-Za-z0-9_-]{8,64})\r\n", re.IGNORECASE)
# It never goes back in blanks: of 32,000 of them it would keep the loop busy for a tenth of a second.
ACCEPT_LANGUAGE = re.compile(rb"\r\naccept-language:[ \t]*+([!-~ ]{1,200})\r\n", re.IGNORECASE)
# Any site may read that we are busy, as it may read it from the API otherwise.
FOR_ANY_SITE = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After, X-Request-Id"}

draw = Random(secrets.randbits(64))  # noqa: S311 - forked processes must differ, and nobody gains by guessing


class Refused:
    """A request as far as the writers of problems ask: its path and its id."""

    def __init__(self, path, id):
        self.path, self.id = path, id

    def build_absolute_uri(self, path):
        return f"{settings.SITE_URL}{path}"


def write_refusal(request: bytes | bytearray) -> bytes:
    """Return the whole answer to a request of which the head is there."""
    SHED.inc()
    line = REQUEST_LINE.match(request)
    method, target = (part.decode() for part in line.groups()) if line else ("GET", "/")
    found = REQUEST_ID.search(request)
    path, request_id = target.partition("?")[0], found[1].decode() if found else uuid.uuid4().hex
    seconds = draw.randint(MIN_SECONDS, MAX_SECONDS)
    write = problem_response if path.startswith("/api/") else get_writer(path)
    if write:
        error = Busy()
        error.retry_after = seconds
        response = write(Refused(path, request_id), error)
        body, headers = response.content, dict(response.headers) | FOR_ANY_SITE
    else:
        spoken = ACCEPT_LANGUAGE.search(request)
        language = split_path(path)[0] or choose_language(spoken[1].decode() if spoken else "")
        is_repeatable = method in (HTTPMethod.GET, HTTPMethod.HEAD)
        body = get_page(language, is_repeatable=is_repeatable)
        headers = get_page_headers() | {"Content-Type": "text/html; charset=utf-8", "Content-Language": language}
        headers["X-Unread"] = "1"  # a page's script may send it again, also what was posted
        if is_repeatable:
            headers["Refresh"] = str(seconds)  # the browser asks again by itself
    headers |= {
        "Retry-After": str(seconds),
        "X-Request-Id": request_id,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n".encode() + (b"" if method == "HEAD" else body)
