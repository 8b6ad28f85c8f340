"""The strip of days and the places of a day, without a database."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from booking.widget.day_strip import get_strip_start, group_by_place, make_choices, make_strip
from booking.widget.offer import Offer, Place
from scheduling.availability.search import Opening

DANA, HARBOUR = UUID(int=1), UUID(int=2)
TODAY = date(2026, 3, 2)


def offer(zone="Europe/London"):
    harbour = Place("Harbour Street", ZoneInfo(zone), "London", None)
    return Offer({DANA: "Dana Reed"}, {HARBOUR: harbour}, {(HARBOUR, False)})


def opening(moment):
    return Opening(int(moment.timestamp()), 0, DANA, HARBOUR, False)


def choices(*moments, zone="Europe/London"):
    return make_choices([opening(moment) for moment in moments], offer(zone))


@pytest.mark.parametrize(("days", "start"), [(0, 0), (6, 0), (7, 7), (16, 14)])
def test_strip_start_is_a_multiple_of_seven_days_from_today(days, start):
    assert get_strip_start(TODAY + timedelta(days=days), today=TODAY) == TODAY + timedelta(days=start)


def test_last_strip_has_no_later_one():
    strip = make_strip([], start=TODAY + timedelta(days=7), today=TODAY, last=TODAY + timedelta(days=13))

    assert (strip.earlier, strip.later) == (TODAY, None)


def test_choice_belongs_to_the_local_day():
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)

    strip = make_strip(choices(late, zone="Asia/Tokyo"), start=TODAY, today=TODAY, last=TODAY)

    assert [day.count for day in strip.days[:2]] == [0, 1]


def test_times_at_a_place_are_split_into_morning_afternoon_and_evening():
    at = [
        datetime(2026, 3, 2, hour, minute, tzinfo=UTC)
        for hour, minute in [(0, 0), (11, 59), (12, 0), (16, 59), (17, 0)]
    ]

    [harbour] = group_by_place(choices(*at), TODAY)

    assert (harbour.place, harbour.zone) == ("Harbour Street", "London time (GMT)")
    assert [(name, [choice.time for choice in part]) for name, part in harbour.parts] == [
        ("Morning", ["00:00", "11:59"]),
        ("Afternoon", ["12:00", "16:59"]),
        ("Evening", ["17:00"]),
    ]


def test_opening_of_clinician_missing_from_the_offer_is_left_out():
    later = opening(datetime(2026, 3, 2, 9, tzinfo=UTC))._replace(clinician_id=UUID(int=9))

    assert make_choices([later], offer()) == []


def test_times_in_repeated_hour_show_their_zones():
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    of_hours = choices(*(first + number * timedelta(minutes=30) for number in range(-1, 3)))
    [harbour] = group_by_place(of_hours, date(2026, 10, 25))
    [(_, of_night)] = harbour.parts

    assert harbour.zone == ""
    assert [(choice.time, choice.zone) for choice in of_night] == [
        ("01:00", "BST"),
        ("01:30", "BST"),
        ("01:00", "GMT"),
        ("01:30", "GMT"),
    ]


def test_times_in_one_zone_do_not_show_it():
    summer, winter = (datetime(2026, month, 2, 9, tzinfo=UTC) for month in (7, 11))

    for moment in (summer, winter):
        [harbour] = group_by_place(choices(summer, winter), moment.date())
        [(_, [choice])] = harbour.parts
        assert choice.zone == ""
