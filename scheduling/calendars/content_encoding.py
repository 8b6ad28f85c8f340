"""Undo the Content-Encoding of a calendar. Servers compress although we ask them not to."""

import re
import zlib

from scheduling.calendars.base import NotACalendar, TooLarge, UnknownEncoding

MAX_ENCODINGS = 5
MAX_MEMBERS = 100  # each costs a copy of the rest
GZIP, ZLIB, RAW = 31, 15, -15  # what zlib calls the window bits of its three formats
GZIP_MAGIC = b"\x1f\x8b"
PLAIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN\s*:", re.IGNORECASE)


def undo_content_encoding(body: bytes, header: str, *, limit: int) -> bytes:
    """Return a body as it was before the encodings that its Content-Encoding ``header`` lists were applied, in order.

    Raises NotACalendar for a truncated or corrupted body, UnknownEncoding, and TooLarge beyond ``limit`` bytes.
    """
    encodings = [name for part in header.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if len(encodings) > MAX_ENCODINGS:
        raise UnknownEncoding
    for name in reversed(encodings):
        body = _undo(name, body, limit)
    # A compressed file is a calendar too, of a server that does not say that it is compressed.
    return _undo("gzip", body, limit)


def _undo(name, body, limit):
    if PLAIN.match(body):
        return body  # some servers name an encoding and do not apply it, or name a character set
    if name in ("gzip", "x-gzip"):
        return _unzip_members(body, limit) if body.startswith(GZIP_MAGIC) else body
    if name == "deflate":
        try:
            return _inflate(body, ZLIB, limit)[0]
        except NotACalendar:
            return _inflate(body, RAW, limit)[0]  # which browsers accept too
    raise UnknownEncoding


def _unzip_members(body, limit):
    """Return the contents of the gzip files in ``body``, one after the other; ignore what follows them."""
    unzipped = b""
    for _ in range(MAX_MEMBERS):
        part, body = _inflate(body, GZIP, limit - len(unzipped))
        unzipped += part
        if not body.startswith(GZIP_MAGIC):
            return unzipped
    raise NotACalendar


def _inflate(body, window_bits, limit):
    """Return what ``body`` contains, and what follows it."""
    decompressor = zlib.decompressobj(window_bits)
    try:
        contents = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise NotACalendar from error
    if len(contents) > limit:
        raise TooLarge
    if not decompressor.eof:
        raise NotACalendar
    return contents, decompressor.unused_data
