"""The model of a vaccination day: a day of five centres and some thousand people."""

from dataclasses import replace

import pytest

from tests.bench.line_plots import draw_lines
from tests.bench.vaccination_day import CONFIRM, HOLD, LOOK, Day, compute_lock_shares, simulate

COSTS = {LOOK: (3.0, 1.0), HOLD: (2.0, 3.0), CONFIRM: (4.0, 4.0)}
DAY = Day(people=3_000, minutes=1, centres=5, times=250, postgres_cores=1, web_cores=1)


def test_day_with_the_same_seed_is_the_same():
    assert simulate(DAY, COSTS) == simulate(DAY, COSTS) != simulate(replace(DAY, seed=2), COSTS)


def test_everybody_is_booked_but_who_never_confirms():
    assert simulate(replace(DAY, lost=0), COSTS)["booked"][-1] == 3_000


def test_who_comes_when_all_times_are_taken_is_counted():
    day = simulate(replace(DAY, lost=0, times=100), COSTS)

    assert (day["booked"][-1], day["no_time_left"]) == (1_500, 1_500)


def test_two_installations_let_in_twice_as_many_and_keep_them_waiting_for_less():
    one, two = simulate(DAY, COSTS), simulate(replace(DAY, installations=2), COSTS)

    assert two["people_a_second"] == pytest.approx(2 * one["people_a_second"], abs=1)
    assert two["longest_wait"] < one["longest_wait"] / 2


def test_lock_of_a_clinician_is_shared_by_the_lanes_of_a_centre():
    assert compute_lock_shares(replace(DAY, lanes=2, commit_ms=1), COSTS, 100) == pytest.approx((0.6, 0.75))


def test_plot_names_every_curve_and_escapes_it():
    plot = draw_lines("Growth", {"a < b": [(1, 2), (10, 3)]}, x_name="visits", y_name="ms", is_log=True)

    assert "a &lt; b</text>" in plot
    assert plot.count("<circle") == 2
