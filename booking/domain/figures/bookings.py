"""Figures of booking: who books, how many of the held times are booked, and how far ahead."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from booking.domain.figures.figure import Figure, Unit, divide, find_quantile
from booking.domain.figures.selection import HOLDS, Selection, fetch_rows
from booking.models import ApiKey

# A booking is a hold that was confirmed. What only moves an appointment is none. Visitors have holders of no kind;
# a key's says which key it is.
STATEMENT = f"""
    SELECT width_bucket(hold.created_at, bounds),
           CASE left(holder, 6) WHEN 'visito' THEN 'pages' WHEN 'staff:' THEN 'staff' WHEN 'order:' THEN 'order'
                                WHEN 'waitli' THEN 'waitlist' WHEN 'appoin' THEN 'appointment'
                                ELSE CASE WHEN starts_with(holder, 'key:') THEN holder ELSE 'pages' END END,
           status, date_part('day', starts_at - created_at)::int, count(*)
      FROM {HOLDS}
     GROUP BY 1, 2, 3, 4
"""  # noqa: S608 nothing but constants goes in
SOURCES = {"pages": "The clinic’s pages", "order": "Links for orders", "waitlist": "Waiting list", "staff": "Staff"}
OUTCOMES = {
    "confirmed": "Booked",
    "released": "Given back",
    "expired": "Ran out",
    "active": "Still held",
}
# Staff book at once, and what is held for who waits is an offer: neither says how well booking works.
NOT_CHOSEN = {"staff", "waitlist"}
AHEAD = {0: "Less than a day", 1: "1–2 days", 3: "3–6 days", 7: "1–2 weeks", 14: "2–4 weeks", 28: "4 weeks and more"}


@dataclass
class Placed:
    """The holds of a period, counted: bookings by day or week and by source, outcomes, and days ahead."""

    by_bucket: Counter[date] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    ahead: Counter[int] = field(default_factory=Counter)


def compute(selection: Selection) -> list[Figure]:
    """Return the figures of what was booked in a period."""
    placed, before = map(_count, fetch_rows(STATEMENT, selection))
    return [
        _figure_bookings(selection.period, placed, before),
        _figure_sources(placed, before),
        _figure_holds(placed, before),
        _figure_lead_time(placed, before),
    ]


def _count(rows: Iterable[tuple]) -> Placed:
    placed = Placed()
    for bucket, source, status, ahead, number in rows:
        if source == "appointment":
            continue
        if status == "confirmed":
            placed.by_bucket[bucket] += number
            placed.by_source[source] += number
            placed.ahead[ahead] += number
        if source not in NOT_CHOSEN:
            placed.outcomes[status] += number
    return placed


def _figure_bookings(period, placed, before):
    return Figure(
        name="bookings",
        title="Bookings",
        definition="Times that were booked, by the day on which they were taken, whatever became of them later. A "
        "visit that is given another time is not booked again, and an imported one is not booked at all.",
        unit=Unit.NUMBER,
        value=placed.by_bucket.total(),
        before=before.by_bucket.total(),
        columns=[("Bookings", Unit.NUMBER)],
        rows=[(bucket, placed.by_bucket[bucket]) for bucket in period.list_buckets()],
    )


def _figure_sources(placed, before):
    booked = placed.by_source.total()
    names = _name_sources(placed.by_source | before.by_source)
    now, then = defaultdict(int), defaultdict(int)
    for counted, numbers in ((now, placed.by_source), (then, before.by_source)):
        for source, number in numbers.items():
            counted[names[source]] += number
    ranked = sorted({*names.values()}, key=lambda name: (-now[name], name))
    online = sum(number for source, number in placed.by_source.items() if source != "staff")
    earlier = sum(number for source, number in before.by_source.items() if source != "staff")
    return Figure(
        name="sources",
        title="Booked without staff",
        definition="The share of bookings that staff did not make. Programs are named by their API key, those that "
        "speak a dialect too; a link for an order and an offer of the waiting list count by themselves.",
        unit=Unit.SHARE,
        value=divide(online, booked),
        before=divide(earlier, before.by_source.total()),
        columns=[("Bookings", Unit.NUMBER), ("Share", Unit.SHARE), ("Before", Unit.NUMBER)],
        rows=[(name, now[name], divide(now[name], booked), then[name]) for name in ranked],
    )


def _name_sources(sources):
    """Return {source: its name}; keys that replaced each other have one holder, and the newest one's name."""
    keys = {key.actor: f"API: {key.name}" for key in ApiKey.objects.order_by("created_at")}
    return {source: SOURCES.get(source) or keys.get(source, "API: a deleted key") for source in sources}


def _figure_holds(placed, before):
    held = placed.outcomes.total()
    return Figure(
        name="holds",
        title="Holds that became bookings",
        definition="Of the times that patients and programs held, the share that they booked. Staff’s bookings and "
        "offers of the waiting list are left out. Who chooses another time while they book gives the first one back.",
        unit=Unit.SHARE,
        value=divide(placed.outcomes["confirmed"], held),
        before=divide(before.outcomes["confirmed"], before.outcomes.total()),
        columns=[("Holds", Unit.NUMBER), ("Share", Unit.SHARE), ("Before", Unit.NUMBER)],
        rows=[
            (label, placed.outcomes[name], divide(placed.outcomes[name], held), before.outcomes[name])
            for name, label in OUTCOMES.items()
        ],
    )


def _figure_lead_time(placed, before):
    numbers, earlier = _group_ahead(placed.ahead), _group_ahead(before.ahead)
    return Figure(
        name="lead-time",
        title="Booked ahead",
        definition="The median number of whole days, of 24 hours, from the booking to the start that was booked first.",
        unit=Unit.DAYS,
        value=find_quantile(placed.ahead, 0.5),
        before=find_quantile(before.ahead, 0.5),
        columns=[("Bookings", Unit.NUMBER), ("Share", Unit.SHARE), ("Before", Unit.NUMBER)],
        rows=[
            (label, numbers[label], divide(numbers[label], numbers.total()), earlier[label]) for label in AHEAD.values()
        ],
    )


def _group_ahead(ahead):
    numbers = Counter()
    for days, number in ahead.items():
        numbers[AHEAD[max(start for start in AHEAD if start <= max(days, 0))]] += number
    return numbers
