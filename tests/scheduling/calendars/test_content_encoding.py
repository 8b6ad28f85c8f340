"""Undoing what servers compress without being asked."""

import gzip
import zlib

import pytest

from scheduling.calendars.base import NotACalendar, TooLarge, UnknownEncoding
from scheduling.calendars.content_encoding import undo_content_encoding

TEXT = b"BEGIN:VCALENDAR\r\n" + b"X-JUNK:a line like any other\r\n" * 500 + b"END:VCALENDAR\r\n"
ZIPPED, DEFLATED = gzip.compress(TEXT), zlib.compress(TEXT)


def deflate_raw(body):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def undo(body, header, limit=20_000):
    return undo_content_encoding(body, header, limit=limit)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", ZIPPED),
        ("X-GZIP", ZIPPED),
        ("deflate", DEFLATED),
        ("deflate", deflate_raw(TEXT)),
        ("deflate, gzip", gzip.compress(DEFLATED)),
        ("gzip,Deflate , identity", zlib.compress(ZIPPED)),
        ("gzip, gzip", gzip.compress(ZIPPED)),
        ("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]) + bytes(512)),
        ("gzip", TEXT),  # announced and not done
        ("deflate", TEXT),
        ("utf-8", TEXT),
        ("", ZIPPED),  # done and not announced
    ],
)
def test_undo_content_encoding_returns_text(header, body):
    assert undo(body, header) == TEXT


@pytest.mark.parametrize("header", ["gzip", "x-gzip", "deflate", "deflate, gzip", ""])
def test_truncated_body_is_not_a_calendar(header):
    whole = DEFLATED if header == "deflate" else ZIPPED
    for length in (20, len(whole) // 2, len(whole) - 1):
        with pytest.raises(NotACalendar):
            undo(whole[:length], header)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", ZIPPED[:40] + b"\xff\xff\xff" + ZIPPED[43:]),
        ("gzip", ZIPPED[:-8] + bytes(8)),  # of another text
        ("deflate", b"<html>Sign in</html>"),
        ("deflate", b""),
        ("gzip", gzip.compress(b"") * 101),
    ],
)
def test_corrupted_body_is_not_a_calendar(header, body):
    with pytest.raises(NotACalendar):
        undo(body, header)


@pytest.mark.parametrize("header", ["br", "zstd", "compress", "gzip, aes128gcm", ", ".join(["gzip"] * 6)])
def test_other_encodings_are_unknown(header):
    with pytest.raises(UnknownEncoding):
        undo(ZIPPED, header)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", gzip.compress(bytes(10_000_000))),
        ("deflate", zlib.compress(bytes(10_000_000))),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(10_000_000)))),
        ("gzip", gzip.compress(bytes(600_000)) * 2),
    ],
)
def test_body_that_unpacks_beyond_the_limit_is_too_large(header, body):
    assert len(body) < 20_000

    with pytest.raises(TooLarge):
        undo(body, header, limit=1_000_000)
