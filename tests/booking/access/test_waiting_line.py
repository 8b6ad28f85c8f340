"""The line's counters, in a real Redis and by a given clock."""

import pytest

from booking.access.optional_redis import OptionalRedis
from booking.access.waiting_line import (
    KEY,
    MAX_PASSES,
    PASS_SECONDS,
    WaitingLine,
    read_pass,
    read_place,
    waiting_line,
    write_pass,
    write_place,
)

NINE = 1_800_000_000.0


@pytest.fixture
def line():
    line = waiting_line()
    line.redis.client.delete(KEY)
    yield line
    line.redis.client.delete(KEY)


def draw(line, number, at=NINE, **how):
    return [line.draw(at, is_pressed=False, **how)[1].number for _ in range(number)]


def test_there_is_no_line_until_somebody_draws_a_number(line):
    assert line.look(NINE, is_pressed=True) is None
    assert draw(line, 3) == [1, 2, 3]
    assert line.look(NINE, is_pressed=False)[1:] == (0, 0, 5.0)


def test_numbers_are_admitted_in_order_as_fast_as_is_answered(line):
    draw(line, 1000)

    admitted = [line.look(NINE + second, is_pressed=False).admitted for second in range(1, 6)]

    assert admitted == [5, 11, 19, 28, 41]  # a quarter more each second


def test_fewer_are_admitted_as_soon_as_some_wait_for_a_thread(line):
    draw(line, 1000)

    rates = [line.look(NINE + second, is_pressed=True).per_second for second in range(1, 4)]

    assert rates == [4.0, 3.2, 2.56]


def test_newcomer_is_admitted_at_once_when_nobody_waits(line):
    draw(line, 3)
    line.look(NINE + 5, is_pressed=False)

    found, place = line.draw(NINE + 5, is_pressed=False)

    assert place.number <= found.admitted


def test_line_that_nobody_stands_in_admits_no_crowd_beyond_a_second(line):
    draw(line, 1)

    found = line.look(NINE + 1000, is_pressed=False)

    assert found.admitted == 1 + found.per_second


def test_turn_lapses_when_nobody_comes_for_ten_minutes(line):
    draw(line, 3)

    lapsed = [line.look(NINE + minute * 60, is_pressed=False).lapsed for minute in (4, 6, 12)]

    assert lapsed == [0, 0, 3]


def test_clock_that_runs_behind_on_another_machine_admits_nobody_less(line):
    draw(line, 100)
    before = line.look(NINE + 3, is_pressed=False).admitted

    assert line.look(NINE + 1, is_pressed=False).admitted == before


def test_line_ends_by_itself(line):
    draw(line, 1)

    assert 0 < line.redis.client.ttl(KEY) <= 120


def test_number_has_a_few_passes(line):
    place = line.draw(NINE, is_pressed=False)[1]

    assert [line.may_have_pass(place) for _ in range(MAX_PASSES + 1)] == [True] * MAX_PASSES + [False]


def test_without_redis_there_is_no_line():
    line = WaitingLine(OptionalRedis("redis://127.0.0.1:1/0"))

    assert line.draw(NINE, is_pressed=True) is None
    assert line.look(NINE, is_pressed=True) is None


def test_tokens_are_good_for_what_they_were_made_for(line):
    place = line.draw(NINE, is_pressed=False)[1]
    token, passed = write_place(place), write_pass(place, NINE)

    assert read_place(token) == place
    assert read_pass(passed, NINE + PASS_SECONDS - 1) == place
    assert read_pass(passed, NINE + PASS_SECONDS) is None
    assert (read_place(passed), read_pass(token, NINE), read_place("x"), read_pass("ä", NINE)) == (None,) * 4
