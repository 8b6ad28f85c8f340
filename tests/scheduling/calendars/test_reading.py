"""Reading a calendar from real servers, including hostile and slow ones."""

import base64
import gzip
import zlib

import pytest

from scheduling.calendars import reading
from scheduling.calendars.base import (
    NotACalendar,
    Refused,
    TooLarge,
    TooManyRedirects,
    UnknownEncoding,
    make_event_uid,
)
from scheduling.calendars.reading import normalize_address, read_calendar
from scheduling.lib.safe_http import NotPublic, Unreachable
from tests.receivers import answer, drip, hang, in_turn, reset
from tests.scheduling.calendars.conftest import get_scope, utc
from tests.scheduling.calendars.texts import calendar, event
from tests.waiting import assert_time_limit


def ask(calendar, *, timeout=20):
    return read_calendar(calendar, get_scope(calendar), timeout=timeout)


def test_read_calendar_returns_busy_time(listen, connect, busy_at, at):
    server = listen(answer(200, body=busy_at(9, 10), ETag='"one"', Last_Modified="Fri, 20 Mar 2026 10:00:00 GMT"))

    found = ask(connect(server))

    assert found.busy == [(int(at(9).timestamp()), int(at(10).timestamp()))]
    assert (found.etag, found.last_modified) == ('"one"', "Fri, 20 Mar 2026 10:00:00 GMT")
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("GET", "/", b"")
    assert "Authorization" not in headers and "If-None-Match" not in headers


def test_credentials_are_sent_to_calendars_server_only(listen, connect, busy_at):
    other = listen(answer(200, body=busy_at(9, 10)))
    server = listen(answer(302, Location=other.url + "moved"))

    assert ask(connect(server, username="dana", password="secret: ü")).busy

    expected = "Basic " + base64.b64encode("dana:secret: ü".encode()).decode()
    assert [request[2].get("Authorization") for request in server.requests + other.requests] == [expected, None]
    assert other.requests[0][1] == "/moved"


def test_redirects_on_the_same_server_are_followed(listen, connect, busy_at):
    there = [answer(301, Location="/there?x=1"), answer(307, Location="here/a b"), answer(200, body=busy_at(9, 10))]
    server = listen(in_turn(*there))

    assert ask(connect(server, username="dana")).busy

    assert [request[1] for request in server.requests] == ["/", "/there?x=1", "/here/a%20b"]
    assert len({request[2]["Authorization"] for request in server.requests}) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/",
        "https://10.0.0.1/",
        "http://169.254.169.254/latest",
        "ftp://x.example/",
        "https://[::1]/",
        "https://8.8.8.8:5432/",
    ],
)
def test_redirects_to_private_addresses_and_other_ports_are_not_followed(location, listen, connect):
    server = listen(answer(302, Location=location))

    with pytest.raises(NotPublic):
        ask(connect(server))


def test_endless_redirects_raise_too_many_redirects(listen, connect):
    server = listen(answer(302, Location="/"))

    with pytest.raises(TooManyRedirects):
        ask(connect(server))

    assert len(server.requests) == 5


def test_calendar_compressed_without_being_asked_is_read(listen, connect, busy_at):
    """As iCloud does; here twice, with a header for each."""
    body = zlib.compress(gzip.compress(busy_at(9, 10)))
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", 'ETag: "one-gzip"']
    lines += ["Content-Encoding: gzip", "content-encoding: deflate"]
    server = listen(drip(["\r\n".join([*lines, "", ""]).encode(), body], None))

    found = ask(connect(server))

    assert (len(found.busy), found.etag) == (1, '"one-gzip"')
    assert server.requests[0][2]["Accept-Encoding"] == "identity"


def test_calendar_in_an_unknown_encoding_is_refused_with_message(listen, connect):
    with pytest.raises(UnknownEncoding) as refused:
        ask(connect(listen(answer(200, body=b"\x8b\x00\x80", Content_Encoding="br"))))

    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("site", "introduction"),
    [
        ("", "Mozilla/5.0 (X11; Linux; compatible; Holdfast) Chrome/139.0.0.0 Safari/537.36"),
        (
            "https://booking.clinic.example",
            "Mozilla/5.0 (X11; Linux; compatible; Holdfast; +https://booking.clinic.example) "
            "Chrome/139.0.0.0 Safari/537.36",
        ),
    ],
)
def test_read_calendar_introduces_itself_like_a_browser_by_name(site, introduction, listen, connect, busy_at, settings):
    settings.SITE_URL = site
    there = listen(answer(200, body=busy_at(9, 10)))
    server = listen(answer(302, Location=there.url))

    assert ask(connect(server)).busy

    assert [request[2]["User-Agent"] for request in server.requests + there.requests] == [introduction] * 2


@pytest.mark.parametrize("status", [204, 206, 304, 401, 403, 404, 410, 429, 500, 503])
def test_read_calendar_with_error_status_raises_refused_with_message(status, listen, connect):
    with pytest.raises(Refused) as refused:
        ask(connect(listen(answer(status, body=b"" if status in (204, 304) else b"no"))))

    assert refused.value.message.endswith(".") and "http" not in refused.value.message


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"])
def test_read_calendar_of_other_content_raises_not_a_calendar(body, listen, connect):
    with pytest.raises(NotACalendar):
        ask(connect(listen(answer(200, body=body, Content_Type="text/calendar"))))


def test_event_that_is_not_understood_is_returned_with_others(listen, connect, at):
    odd = event(f"DTSTART:{utc(at(9))}", "DURATION:an hour")
    body = calendar(odd, event(f"DTSTART:{utc(at(11))}", "DURATION:PT1H", uid="2"))

    found = ask(connect(listen(answer(200, body=body))))

    assert found.busy[0][0] == int(at(9).timestamp())
    [(fingerprint, day)] = found.not_understood
    assert (len(fingerprint), day) == (64, at(9).date())


def test_read_calendar_with_private_address_does_not_connect(connect, listen, settings):
    server = listen(answer(200, body=calendar()))
    settings.PRIVATE_HOSTS = []

    with pytest.raises(NotPublic):
        ask(connect(server))

    assert server.connections == 0


@pytest.mark.parametrize("behave", [hang, reset, drip([b"HTTP/1.1 200 OK\r\n"], b"X: y\r\n", every=0.1)])
def test_read_calendar_from_silent_server_ends_at_timeout(behave, listen, connect):
    with assert_time_limit(1), pytest.raises(Unreachable):
        ask(connect(listen(behave)), timeout=1)


def test_endless_calendar_raises_too_large(listen, connect, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 1_000_000)
    server = listen(drip([b"HTTP/1.1 200 OK\r\n\r\nBEGIN:VCALENDAR\r\n"], b"X-JUNK:" + b"x" * 60_000 + b"\r\n"))

    with pytest.raises(TooLarge):
        ask(connect(server))


def test_calendar_of_ten_megabytes_is_read(listen, connect, at):
    junk = [event("DTSTART:20160101T090000Z", "DESCRIPTION:" + "x" * 1000, uid=str(n)) for n in range(9_500)]
    body = calendar(*junk, event(f"DTSTART:{utc(at(9))}", f"DTEND:{utc(at(10))}", uid="now"))
    assert len(body) > 10_000_000

    assert len(ask(connect(listen(answer(200, body=body))), timeout=15).busy) == 1


# Unchanged calendars


@pytest.fixture
def known(listen, connect, busy_at):
    """Return a function that returns a calendar that was read once from a server with this behaviour."""

    def known(behave):
        first = connect(listen(answer(200, body=busy_at(9, 10))))
        scope = get_scope(first)
        found = read_calendar(first, scope, timeout=20)
        first.fingerprint, first.read_until, first.etag = found.fingerprint, scope.end, '"one"'
        first.last_modified = "Fri, 20 Mar 2026 10:00:00 GMT"
        first.url = listen(behave).url
        return first

    return known


def test_read_calendar_not_modified_returns_nothing_new(known):
    calendar = known(answer(304))

    assert ask(calendar) == (None, '"one"', "Fri, 20 Mar 2026 10:00:00 GMT", calendar.fingerprint, ())


def test_read_calendar_sends_stored_validators(listen, known):
    server = listen(answer(304))
    calendar = known(answer(500))
    calendar.url = server.url

    ask(calendar)

    [(_, _, headers, _)] = server.requests
    assert headers["If-None-Match"] == '"one"'
    assert headers["If-Modified-Since"] == "Fri, 20 Mar 2026 10:00:00 GMT"


def test_unmodified_calendar_read_too_short_is_requested_in_full(listen, known, busy_at):
    """A weekly meeting in a calendar that never changes would end where it was last read."""
    server = listen(answer(200, body=busy_at(9, 10)))
    calendar = known(answer(500))
    calendar.url, calendar.read_until = server.url, get_scope(calendar).start

    assert len(ask(calendar).busy) == 1

    [(_, _, headers, _)] = server.requests
    assert "If-None-Match" not in headers and "If-Modified-Since" not in headers


def test_calendar_computed_by_an_older_version_is_requested_in_full(listen, known, busy_at):
    server = listen(answer(200, body=busy_at(9, 10)))
    calendar = known(answer(500))
    calendar.url, calendar.fingerprint = server.url, "1" + calendar.fingerprint[1:]

    assert len(ask(calendar).busy) == 1

    [(_, _, headers, _)] = server.requests
    assert "If-None-Match" not in headers and "If-Modified-Since" not in headers


def test_read_calendar_with_irrelevant_change_computes_nothing(known, busy_at, monkeypatch):
    same = known(answer(200, body=busy_at(9, 10, "SUMMARY:Another title", "DTSTAMP:20260321T000000Z"), ETag='"two"'))
    monkeypatch.setattr(reading, "compute_in_sandbox", lambda *args, **kwargs: pytest.fail("worked out again"))

    assert ask(same) == (None, '"two"', "", same.fingerprint, ())


def test_read_calendar_with_relevant_change_returns_new_busy_time(known, busy_at):
    assert len(ask(known(answer(200, body=busy_at(11, 12)))).busy) == 1


def test_unsendable_validators_are_not_stored(listen, connect, busy_at):
    server = listen(answer(200, body=busy_at(9, 10), ETag='"' + "x" * 600, Last_Modified="é"))

    assert ask(connect(server))[1:3] == ("", "")


# Own events


def test_own_pushed_appointments_are_not_busy_time(listen, connect, busy_at, dana):
    ours = busy_at(9, 10, uid=make_event_uid("an appointment", clinician_id=dana.pk))

    assert ask(connect(listen(answer(200, body=ours)))).busy == []


@pytest.mark.parametrize("uid", ["one@holdfast", "one.0b8f7b1e-93a5-4a0c-8b52-5f3a1c9d2e44@holdfast"])
def test_events_of_other_organizers_are_busy_time(uid, listen, connect, busy_at):
    """As a patient somewhere, or as a clinician of another clinic that has Holdfast too."""
    assert len(ask(connect(listen(answer(200, body=busy_at(9, 10, uid=uid))))).busy) == 1


# Declined invitations

INVITED = (
    'ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={};CN="Reed; PARTSTAT=DECLINED;";X-NUM-GUESTS=0:mailto:{}'
)
GOOGLES = "calendar/ical/Dana%40example.org/private-0123456789abcdef/basic.ics"


@pytest.mark.parametrize(
    ("path", "answers", "is_busy"),
    [
        (GOOGLES, [("DECLINED", "dana@example.org"), ("ACCEPTED", "otis@example.org")], False),
        (GOOGLES, [("ACCEPTED", "dana@example.org"), ("DECLINED", "otis@example.org")], True),
        (GOOGLES, [("NEEDS-ACTION", "dana@example.org")], True),
        (GOOGLES, [("DECLINED", "other-dana@example.org")], True),
        ("dana@example.org/basic.ics", [("DECLINED", "dana@example.org")], True),  # perhaps only who reads it
        ("calendar/ical/room/public/basic.ics", [("DECLINED", "dana@example.org")], True),
    ],
)
def test_invitation_declined_by_google_owner_is_free(path, answers, is_busy, listen, connect, busy_at):
    server = listen(answer(200, body=busy_at(9, 10, "TRANSP:OPAQUE", *(INVITED.format(*one) for one in answers))))

    assert bool(ask(connect(server.url + path)).busy) == is_busy


def test_declined_occurrence_of_series_is_free(listen, connect, at):
    declined = INVITED.format("DECLINED", "dana@example.org")
    body = calendar(
        event(f"DTSTART:{utc(at(9))}", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2"),
        event(f"DTSTART:{utc(at(9))}", "DURATION:PT1H", f"RECURRENCE-ID:{utc(at(9))}", declined),
    )

    [(start, _)] = ask(connect(listen(answer(200, body=body)).url + GOOGLES)).busy

    assert start == int(at(9).timestamp()) + 86_400


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("webcal://example.org/a.ics?b=c", "https://example.org/a.ics?b=c"),
        (" WebCals://example.org/ ", "https://example.org/"),
        ("https://example.org/", "https://example.org/"),
        ("webcal", "webcal"),
    ],
)
def test_normalize_address_replaces_webcal_by_https(typed, meant):
    assert normalize_address(typed) == meant
