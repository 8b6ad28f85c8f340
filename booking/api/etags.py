"""ETags: a row's version, which If-Match asks for, and a checksum of all that is written of it, for If-None-Match.

What is written also depends on other rows, on the time, on the key and on what is expanded.
"""

from zlib import crc32

import orjson
from django.http import HttpResponse

TRANSIENT = {"server_time", "seconds_left"}  # members that are other ones each time


class NotModified(HttpResponse):
    """The answer without a body to a reader who has what would be sent."""

    status_code = 304

    def __init__(self, **options):
        super().__init__(**options)
        del self["Content-Type"]


def make_etag(row, written: dict) -> str:
    """Return the ETag of a row that is written so."""
    lasting = {name: value for name, value in written.items() if name not in TRANSIENT}
    return f'"{get_version(row)}-{crc32(orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS)):08x}"'


def get_version(row) -> str:
    return f"{row.updated_at.timestamp():.6f}"


def names_version(if_match: str, row) -> bool:
    """Return whether one of the ETags in an If-Match is of the row's version, however it was written."""
    tags = [tag.strip() for tag in if_match.split(",")]
    return any(tag[:1] == tag[-1:] == '"' and tag.strip('"').partition("-")[0] == get_version(row) for tag in tags)


def is_among(tag: str, if_none_match: str | None) -> bool:
    """Return whether an If-None-Match names the ETag, perhaps as a weak one: compression on the way makes them so."""
    tags = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return tag in tags or tags == ["*"]
