"""Who books, what became of what was held, and how far ahead."""

from datetime import UTC, timedelta

from booking.access.api_keys import create_key
from scheduling.models import Location
from tests.booking.domain.figures.conftest import MONDAY, local

DAYS = [MONDAY + timedelta(days=n) for n in range(7)]


def test_bookings_are_counted_by_the_local_day_they_were_made_on(place, figures):
    place(local(22, 23, 59), local(24))  # the week before
    place(local(23, 0, 0), local(24, 10))
    place(local(29, 0, 30), local(30))
    place(local(29, 23, 59), local(31))  # in summer time already: 22:59 UTC
    place(local(30, 0, 0), local(31, 10))  # the week after
    place(local(24), local(25), status="released")
    place(local(24), local(26), holder="appointment:7")  # moves what was booked

    bookings = figures()["bookings"]

    assert (bookings.value, bookings.before) == (3, 1)
    assert bookings.rows == list(zip(DAYS, [1, 0, 0, 0, 0, 0, 2], strict=True))


def test_bookings_at_another_location_are_of_its_own_day(place, figures):
    sydney = Location.objects.create(name="Sydney", city="Sydney", timezone="Australia/Sydney")
    place(local(22, 14), local(24), location=sydney)  # Monday 01:00 there

    assert figures()["bookings"].rows[0] == (MONDAY, 1)


def test_sources_are_named_and_ranked_beside_the_period_before(place, figures):
    key, _ = create_key(name="Our site", kind="secret", scopes=["write_holds"])
    for holder in ("visitor", "alice's phone", "staff:1", "order:7", key.actor, key.actor, key.actor, "waitlist:3"):
        place(local(23), local(25), holder=holder)
    place(local(17), local(25), holder="staff:1")
    place(local(17), local(25), holder="key:7a0c6c4e-9b8f-4c43-8d0c-9f7f51f9a001")

    sources = figures()["sources"]

    assert sources.rows == [
        ("API: Our site", 3, 3 / 8, 0),
        ("The clinic’s pages", 2, 2 / 8, 0),
        ("Links for orders", 1, 1 / 8, 0),
        ("Staff", 1, 1 / 8, 1),
        ("Waiting list", 1, 1 / 8, 0),
        ("API: a deleted key", 0, 0, 1),
    ]
    assert (sources.value, sources.before) == (7 / 8, 1 / 2)


def test_holds_that_became_bookings_leave_out_staff_and_offers(place, figures):
    for status in ("confirmed", "released", "expired", "expired", "active"):
        place(local(23), local(25), status=status)
    place(local(23), local(25), holder="staff:1")
    place(local(23), local(25), holder="waitlist:3", status="expired")

    holds = figures()["holds"]

    assert (holds.value, holds.before) == (1 / 5, None)
    assert holds.rows == [
        ("Booked", 1, 1 / 5, 0),
        ("Given back", 1, 1 / 5, 0),
        ("Ran out", 2, 2 / 5, 0),
        ("Still held", 1, 1 / 5, 0),
    ]


def test_lead_time_is_in_whole_days_of_what_was_booked_first(place, figures):
    for hours in (1, 23, 24, 71, 72, 7 * 24, 14 * 24, 40 * 24):
        place(local(23), local(23).astimezone(UTC) + timedelta(hours=hours))
    place(local(23), local(30), status="expired")
    place(local(17), local(20))

    ahead = figures()["lead-time"]

    assert (ahead.value, ahead.before) == (2, 3)
    assert ahead.rows == [
        ("Less than a day", 2, 2 / 8, 0),
        ("1–2 days", 2, 2 / 8, 0),
        ("3–6 days", 1, 1 / 8, 1),
        ("1–2 weeks", 1, 1 / 8, 0),
        ("2–4 weeks", 1, 1 / 8, 0),
        ("4 weeks and more", 1, 1 / 8, 0),
    ]


def test_selection_narrows_to_location_clinician_and_service(
    place, figures, dana, harbour, bea, consultation, other_service
):
    mill = Location.objects.create(name="Mill Lane", city="London")
    place(local(23), local(25))
    place(local(23), local(25), location=mill)
    place(local(23), local(25), clinician=dana)
    place(local(23), local(25), service=other_service)

    assert figures()["bookings"].value == 4
    assert figures(location_ids=[mill.pk])["bookings"].value == 1
    assert figures(clinician_id=dana.pk)["bookings"].value == 1
    assert figures(service_id=consultation.pk)["bookings"].value == 3
    assert figures(location_ids=[])["bookings"].value == 0
