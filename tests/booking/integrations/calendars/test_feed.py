"""A clinician's private calendar feed: complete, cacheable and without patients' names."""

import json
import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar as ICalendar

from booking.domain.appointments import cancel
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.calendars.feed import make_feed, revoke_feed
from booking.models import Appointment, CalendarFeed
from booking.ops.logs import Line
from scheduling.lib.clock import database_now
from tests.conftest import make_clinician
from tests.ledger import rows

DAY = timedelta(days=1)


@pytest.fixture
def feed(dana):
    """Return the address of Dana's feed."""
    return f"/calendars/{make_feed(dana)}.ics"


@pytest.fixture
def otis(harbour, consultation):
    """Return Otis, who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def list_events(response):
    return ICalendar.from_ical(response.content).walk("VEVENT")


def list_starts(response):
    return [event["dtstart"].dt for event in list_events(response)]


def test_feed_of_inactive_clinician_is_not_found(client, feed, dana):
    dana.is_active = False
    dana.save()

    assert client.get(feed).status_code == 404


def test_feed_contains_booked_appointments(client, feed, book, at, dana):
    appointment = book(at(9))

    response = client.get(feed)

    lines = response.content.decode().replace("\r\n ", "").split("\r\n")
    page = f"http://testserver/admin/booking/appointment/{appointment.pk}/change/"
    assert response.status_code == 200
    assert lines == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Holdfast//Booking//EN",
        "METHOD:PUBLISH",
        "NAME:Dana Reed at Harbour Clinic",
        "X-WR-CALNAME:Dana Reed at Harbour Clinic",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M",
        "BEGIN:VEVENT",
        "SUMMARY:Consultation",
        f"DTSTART:{appointment.starts_at:%Y%m%dT%H%M%SZ}",
        f"DTEND:{appointment.ends_at:%Y%m%dT%H%M%SZ}",
        f"DTSTAMP:{appointment.updated_at:%Y%m%dT%H%M%SZ}",
        f"UID:{appointment.pk}.{dana.pk}@holdfast",
        "SEQUENCE:3",
        f"CREATED:{appointment.created_at:%Y%m%dT%H%M%SZ}",
        f"DESCRIPTION:With Dana Reed\\nReference {appointment.reference}\\n{page}",
        f"LAST-MODIFIED:{appointment.updated_at:%Y%m%dT%H%M%SZ}",
        "LOCATION:Harbour Street\\, 12 Harbour Street\\, London E1 6AN",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        f"URL:{page}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_feed_headers_keep_it_private(client, feed, book, at):
    response = client.get(feed)

    told = {name: response.get(name) for name in ("Content-Type", "Cache-Control", "Referrer-Policy", "X-Robots-Tag")}
    assert told == {
        "Content-Type": "text/calendar; charset=utf-8",
        "Cache-Control": "private, no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


def test_feed_names_no_patient(client, feed, book, at):
    appointment = book(at(9))
    Appointment.objects.filter(pk=appointment.pk).update(notes="I use a wheelchair.")

    body = client.get(feed).content.decode().replace("\r\n ", "")

    for secret in ("Alice", "Archer", "example.org", "1985", "900123", "wheelchair"):
        assert secret not in body


def test_feed_contains_past_month_and_all_upcoming_of_its_clinician(client, feed, book, at, otis):
    now = database_now()
    for hour, start in ((9, now - 31 * DAY), (10, now - 29 * DAY), (11, now + 700 * DAY)):
        appointment = book(at(hour))
        Appointment.objects.filter(pk=appointment.pk).update(starts_at=start, ends_at=start + timedelta(minutes=30))
    book(at(9), clinician=otis)

    assert list_starts(client.get(feed)) == [
        moment.replace(microsecond=0) for moment in (now - 29 * DAY, now + 700 * DAY)
    ]


def test_feed_omits_cancelled_and_marks_unconfirmed_tentative(client, feed, book, at):
    cancel(book(at(9)), reason="other", actor="staff:1")
    Appointment.objects.filter(pk=book(at(10)).pk).update(status="reserved")

    assert [(event["dtstart"].dt, event["status"]) for event in list_events(client.get(feed))] == [
        (at(10), "TENTATIVE")
    ]


def test_feed_leaves_out_buffers(client, feed, book, at, consultation):
    consultation.buffer_before = consultation.buffer_after = timedelta(minutes=15)
    consultation.save()
    book(at(10))

    [event] = list_events(client.get(feed))
    assert (event["dtstart"].dt, event["dtend"].dt) == (at(10), at(10, 30))


# Not modified


def test_unchanged_feed_answers_not_modified(client, feed, book, at):
    book(at(9))
    first = client.get(feed)

    for condition in ({"If-None-Match": first["ETag"]}, {"If-Modified-Since": first["Last-Modified"]}):
        again = client.get(feed, headers=condition)
        assert (again.status_code, again.content) == (304, b"")
        told = ("ETag", "Last-Modified", "Cache-Control")
        assert [again[name] for name in told] == [first[name] for name in told]


@pytest.mark.parametrize("change", ["book", "cancel", "leave", "rename"])
def test_feed_changed_within_one_second_is_sent_again(client, feed, book, at, dana, otis, harbour, change):
    appointment = book(at(9))
    first = client.get(feed)

    if change == "book":
        book(at(10))
    elif change == "cancel":
        cancel(appointment, reason="other", actor="staff:1")
    elif change == "leave":
        reschedule(
            appointment, OpeningRequest(appointment.service, at(9), otis, harbour, is_remote=False), actor="staff:1"
        )
    else:
        harbour.name = "Mill Lane"
        harbour.save()

    for condition in ({"If-None-Match": first["ETag"]}, {"If-Modified-Since": first["Last-Modified"]}):
        again = client.get(feed, headers=condition)
        assert again.status_code == 200
        assert (again["ETag"] != first["ETag"], again["Last-Modified"] != first["Last-Modified"]) == (True, True)
        assert client.get(feed, headers={"If-Modified-Since": again["Last-Modified"]}).status_code == 304


# The address


def test_feed_with_unknown_or_revoked_address_is_not_found(client, feed, dana):
    token = make_feed(dana)  # revokes the previous address
    answers = [client.get(address) for address in (feed, "/calendars/x.ics", f"/calendars/{token[:-1]}.ics")]
    revoke_feed(CalendarFeed.objects.get())
    answers.append(client.get(f"/calendars/{token}.ics"))

    assert [answer.status_code for answer in answers] == [404] * 4
    assert {answer.content for answer in answers} == {
        b"There is no such calendar. Its address may be incomplete, or no longer in use.\n"
    }
    assert {answer["Cache-Control"] for answer in answers} == {"private, no-cache"}


@pytest.mark.parametrize("token", ["%00", "%ff", "a" * 5000, "ünïcödé", "..", "%F0%9F%92%A9"])
def test_malformed_feed_address_is_not_found(client, db, token):
    assert client.get(f"/calendars/{token}.ics").status_code == 404


def test_feed_accepts_only_get(client, feed, dana):
    before = rows(CalendarFeed)

    assert [client.generic(method, feed).status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3
    assert [row["token_hash"] for row in rows(CalendarFeed)] == [row["token_hash"] for row in before]


def test_feed_head_has_the_headers_of_get(client, feed, book, at):
    book(at(9))
    got, asked = client.get(feed), client.head(feed)

    assert (asked.status_code, asked.content) == (200, b"")
    per_request = {"X-Request-Id"}
    assert [item for item in asked.items() if item[0] not in per_request] == [
        item for item in got.items() if item[0] not in per_request
    ]
    assert asked["Content-Length"] == str(len(got.content))


def test_feed_token_is_stored_as_hash(dana):
    token = make_feed(dana)

    assert len(token) == 43  # 256 bits
    assert token not in str(rows(CalendarFeed))


def test_feed_token_is_not_logged(client, feed, caplog):
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(Line())
    token = feed.removeprefix("/calendars/").removesuffix(".ics")

    for address in (feed, feed + "?x", feed.removesuffix(".ics"), f"{feed}/", f"/calendars/{token}x.ics"):
        client.get(address)
        client.post(address)

    assert token not in caplog.text
    assert {json.loads(line)["message"] for line in caplog.text.splitlines()} == {
        "/calendars/<str:token>.ics",
        "unknown",
    }


def test_feed_read_time_is_stored_once_a_minute(client, feed):
    client.get(feed)
    first = CalendarFeed.objects.get().last_read_at
    client.get(feed)
    assert CalendarFeed.objects.get().last_read_at == first

    CalendarFeed.objects.update(last_read_at=first - timedelta(minutes=2))
    client.get(feed)
    assert CalendarFeed.objects.get().last_read_at > first


def test_feed_takes_same_queries_for_any_number_of_appointments(client, feed, book, at):
    def count_queries():
        client.get(feed)  # stores what has changed
        with CaptureQueriesContext(connection) as captured:
            client.get(feed)
        return len(captured)

    book(at(9))
    for_one = count_queries()
    for hour in (10, 11, 14, 15):
        book(at(hour))

    assert count_queries() == for_one == 2
