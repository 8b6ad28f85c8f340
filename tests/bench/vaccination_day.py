"""A country's vaccination day: two million people want a time within a quarter of an hour. A model, not a measurement.

Second by second, people come, wait in the waiting room, are let in as fast as the machines can serve them, look at
times, hold one, type their details and confirm. What each step costs in CPU time is read from docs/plots/growth.json;
everything else stands here. The same seed gives the same day. Writes docs/plots/vaccination-day.{json,svg}.
"""

import argparse
import json
import random
from bisect import bisect
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import ceil, exp
from pathlib import Path

from tests.bench.line_plots import draw_lines

PLOTS = Path(__file__).resolve().parents[2] / "docs" / "plots"
# The steps of a visit, and the figures that they cost.
LOOK, HOLD, CONFIRM = "14 days at a location", "place a hold", "confirm it, a new patient"
UTILIZATION = 0.7  # of all cores; beyond it queues grow faster than work is done


@dataclass(frozen=True)
class Day:
    """What happens on the day, and what it happens on. Each of ``installations`` has machines like that."""

    people: int = 2_000_000
    minutes: int = 15  # in which they come
    rush: float = 3.0  # how many times as many come in the first second as in the last
    centres: int = 500
    lanes: int = 3  # in each centre, a clinician each
    times: int = 1_680  # of each lane: 14 days of 10 hours of 5 minutes
    popularity: float = 0.5  # the n-th best liked centre is wanted n ** -popularity as much as the first
    looks: float = 2.0  # pages with free times that somebody sees before they press
    seconds_to_look: float = 10.0  # at each
    seconds_to_type: tuple[float, float] = (30.0, 120.0)
    lost: float = 0.03  # of those who hold a time, and never confirm it
    http_ms: float = 2.0  # of a request, beside the verb
    installations: int = 1
    postgres_cores: int = 16
    web_cores: int = 48
    commit_ms: float = 1.0  # to disk, and perhaps to a replica: locks are held for that long too
    seed: int = 1


def read_costs(path):
    """Return {step: (ms here, ms in PostgreSQL)} at the largest size that was measured."""
    sizes = json.loads(path.read_text())["sizes"]
    costs = sizes[max(sizes, key=int)]["costs"]
    return {step: (costs[step]["web"], costs[step]["postgres"]) for step in (LOOK, HOLD, CONFIRM)}


def compute_demand(day, costs):
    """Return the CPU seconds of web and of PostgreSQL that one person needs, from the first look to the end."""
    steps = {LOOK: day.looks, HOLD: 1 / (1 - day.lost), CONFIRM: 1}
    web = sum(number * (costs[step][0] + day.http_ms) for step, number in steps.items()) / 1000
    return web, sum(number * costs[step][1] for step, number in steps.items()) / 1000


def compute_lock_shares(day, costs, holds):
    """Return for how much of a second a centre's lock and a clinician's are taken, if a centre has so many ``holds``.

    A hold takes its centre's, a hold and its confirmation one clinician's: more machines change nothing about either.
    """
    held, confirmed = ((sum(costs[step]) + day.commit_ms) / 1000 for step in (HOLD, CONFIRM))
    return holds * held, holds / day.lanes * (held + confirmed)


def simulate(day, costs):
    """Return what happened: booked people by the second, the wait of each thousandth, and the busiest second."""
    rng = random.Random(day.seed)
    web, postgres = compute_demand(day, costs)
    rate = day.installations * UTILIZATION * min(day.web_cores / web, day.postgres_cores / postgres)
    weights = [(n + 1) ** -day.popularity for n in range(day.centres)]
    liked = list(accumulate(weights))
    free = [day.lanes * day.times] * day.centres
    arrived = [round(number) for number in accumulate(spread_arrivals(day))]  # by each second
    booked, waits, pressed, refused, let_in = [0], [], {}, 0, 0
    second, entitled = 0, 0.0
    busiest = 0  # holds that one centre was asked for in a second
    while second < len(arrived) or let_in < arrived[-1] or max(pressed, default=0) >= second:
        waiting = arrived[min(second, len(arrived) - 1)] - let_in
        entitled = min(entitled + rate, waiting + rate)
        admitted = min(waiting, int(entitled))
        entitled -= admitted
        asked = {}
        for place in range(let_in, let_in + admitted):
            if place % 1000 == 0:
                waits.append(second - bisect(arrived, place))
            centre = choose_centre(rng, liked, free)
            if centre is None:
                refused += 1
                continue
            asked[centre] = asked.get(centre, 0) + 1
            # Whoever never confirms keeps the time from others for a while, and somebody else takes it then.
            if rng.random() >= day.lost:
                free[centre] -= 1
                at = second + ceil(day.looks * day.seconds_to_look + rng.uniform(*day.seconds_to_type))
                pressed[at] = pressed.get(at, 0) + 1
        let_in += admitted
        busiest = max(busiest, *asked.values()) if asked else busiest
        booked.append(booked[-1] + pressed.pop(second, 0))
        second += 1
    waits.sort()
    return {
        "booked": booked,
        "people_a_second": round(rate),
        "seconds": second,
        "median_wait": waits[len(waits) // 2],
        "longest_wait": waits[-1],
        "no_time_left": refused,
        "holds_in_a_second_at_a_centre": busiest,
        "lock_shares": [round(share, 2) for share in compute_lock_shares(day, costs, busiest)],
    }


def spread_arrivals(day):
    """Return how many come in each second: at first ``rush`` times as many as in the end."""
    seconds = day.minutes * 60
    shape = [1 + (day.rush - 1) * exp(-n / (seconds / 8)) for n in range(seconds)]
    return [day.people * part / sum(shape) for part in shape]


def choose_centre(rng, liked, free):
    """Return a centre with free times, the better liked ones more often, or None."""
    for _ in range(20):
        centre = bisect(liked, rng.random() * liked[-1])
        if free[centre] > 0:
            return centre
    return next((centre for centre, left in enumerate(free) if left > 0), None)


def print_vaccination_day(**changes):
    """Print and draw the day on one installation and on more."""
    figures = PLOTS / "growth.json"
    day, costs = Day(**changes), read_costs(figures)
    web, postgres = compute_demand(day, costs)
    a_second = day.people / day.minutes / 60
    print(f"One person: {web * 1000:.1f} ms of web, {postgres * 1000:.1f} ms of PostgreSQL")
    print(f"All of them in {day.minutes} minutes: {a_second:,.0f} a second,", end=" ")
    print(f"{ceil(a_second * web / UTILIZATION)} cores of web, {ceil(a_second * postgres / UTILIZATION)} of PostgreSQL")
    curves, days = {}, []
    for installations in (1, 2, 4):
        one = Day(**{**changes, "installations": installations})
        result = simulate(one, costs)
        booked = result.pop("booked")
        name = f"{installations} installation{'s' * (installations > 1)}"
        curves[name] = [(at / 60, booked[at] / 1e6) for at in (*range(0, len(booked), 15), len(booked) - 1)]
        days.append({"installations": installations, **result})
        print(
            f"  {name:<16} {result['people_a_second']:6,} people a second, all booked after"
            f" {result['seconds'] / 60:5.1f} min; in the waiting room {result['median_wait'] / 60:5.1f} min (median),"
            f" {result['longest_wait'] / 60:5.1f} (longest); locks of the best liked centre and its clinicians are"
            f" taken for {' and '.join(f'{share:.0%}' for share in result['lock_shares'])} of their worst second"
        )
    plot = draw_lines(
        f"{day.people / 1e6:g} million people, {day.postgres_cores} cores of PostgreSQL in each installation",
        curves,
        x_name="minutes after nine",
        y_name="million people booked",
    )
    (PLOTS / "vaccination-day.svg").write_text(plot)
    told = {"day": asdict(day), "costs": costs, "web_ms": web * 1000, "postgres_ms": postgres * 1000, "days": days}
    (PLOTS / "vaccination-day.json").write_text(json.dumps(told, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.bench.vaccination_day", description=__doc__)
    for name, value in asdict(Day()).items():
        if isinstance(value, int | float) and name != "installations":
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    print_vaccination_day(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
