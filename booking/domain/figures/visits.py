"""Figures of visits: how many, cancelled, missed, how full the weeks are, what they bring, who is new, who waits."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from booking.domain.figures.figure import Figure, Unit, divide, find_quantile
from booking.domain.figures.selection import VISITS, Selection, fetch_rows
from booking.domain.figures.utilisation import compute_utilisation, get_monday
from booking.models import Appointment

# What looked made up never was a visit.
STATEMENT = f"""
    SELECT width_bucket(visit.starts_at, bounds), clinician_id, status, cancellation_reason, currency,
           ends_at <= %(now)s, count(*), sum(ends_at - starts_at), sum(price)
      FROM {VISITS} AND cancellation_reason <> 'unusual'
     GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 nothing but constants goes in
WAITING_TIMES = f"""
    SELECT width_bucket(visit.starts_at, bounds), floor(date_part('epoch', seen_at - arrived_at) / 60)::int, count(*)
      FROM {VISITS} AND seen_at >= arrived_at
     GROUP BY 1, 2
"""  # noqa: S608 nothing but constants goes in
CANCELLED_AHEAD = f"""
    SELECT bucket,
           CASE WHEN cancelled_at IS NULL THEN 'unknown'
                WHEN cancelled_at >= starts_at THEN 'after'
                WHEN cancelled_at > starts_at - interval '1 day' THEN 'day'
                WHEN cancelled_at > starts_at - interval '2 days' THEN 'two-days'
                WHEN cancelled_at > starts_at - interval '7 days' THEN 'week'
                ELSE 'earlier' END, count(*)
      FROM (SELECT width_bucket(visit.starts_at, bounds) AS bucket, visit.starts_at,
                   (SELECT max(created_at) FROM booking_event
                     WHERE subject_id = visit.id AND kind = 'appointment.cancelled') AS cancelled_at
              FROM {VISITS} AND status = 'cancelled' AND cancellation_reason <> 'unusual') AS visit
     GROUP BY 1, 2
"""  # noqa: S608 nothing but constants goes in
# Who is new has their first visit of all in the selection.
NEW_PATIENTS = """
    SELECT width_bucket(first_at, bounds), count(*)
      FROM (SELECT DISTINCT ON (patient_id) location_id, first_at, is_selected
              FROM (SELECT patient_id, location_id, min(starts_at) AS first_at,
                           (%(clinician)s::uuid IS NULL OR clinician_id = %(clinician)s)
                           AND (%(service)s::uuid IS NULL OR service_id = %(service)s) AS is_selected
                      FROM booking_appointment
                     WHERE starts_at < %(latest)s AND status NOT IN ('cancelled', 'no_show')
                     GROUP BY patient_id, location_id, 4) AS first_of_each
             ORDER BY patient_id, first_at) AS first
      JOIN place ON place.id = first.location_id
     WHERE is_selected
     GROUP BY 1
"""
CANCELLED_LABELS = {
    "after": "After it had begun",
    "day": "Less than a day before",
    "two-days": "1–2 days before",
    "week": "2–7 days before",
    "earlier": "Earlier",
    "unknown": "Not known",
}
REASON_LABELS = dict(Appointment.CancellationReason.choices)
MINUTE = timedelta(minutes=1)
UNSUCCESSFUL = set(Appointment.UNSUCCESSFUL)
STANDING = set(Appointment.STANDING)


class Visits(NamedTuple):
    """Visits that have all these in common."""

    bucket: date
    clinician_id: UUID
    status: str
    reason: str
    currency: str
    is_over: bool
    number: int
    time: timedelta
    price: Decimal


def compute(selection: Selection) -> list[Figure]:
    """Return the figures of the visits in a period, which are those that start in it."""
    now, before = ([Visits(*row) for row in rows] for rows in fetch_rows(STATEMENT, selection))
    utilisation, by_clinician = compute_utilisation(selection, _sum_booked(now), _sum_booked(before))
    return [
        _figure_visits(selection, now, before),
        utilisation,
        _figure_cancellations(now, before),
        _figure_cancelled_late(selection),
        _figure_no_shows(selection, now, before),
        *_figures_revenue(selection, now, before),
        _figure_new_patients(selection),
        _figure_waits(selection),
        by_clinician,
    ]


def _count(rows: Iterable[Visits], wanted: Callable[[Visits], bool] = lambda row: True) -> int:
    return sum(row.number for row in rows if wanted(row))


def _count_by_bucket(rows, wanted):
    numbers = Counter()
    for row in rows:
        if wanted(row):
            numbers[row.bucket] += row.number
    return numbers


def _is_held(row):
    return row.status not in UNSUCCESSFUL


def _is_cancelled(row):
    return row.status == "cancelled"


def _is_missed(row):
    return row.status == "no_show"


def _is_settled(row):
    return row.status in ("completed", "no_show")


def _figure_visits(selection, now, before):
    by_status = defaultdict(Counter)
    for row in now:
        by_status["unmarked" if row.status == "confirmed" and row.is_over else row.status][row.bucket] += row.number
    statuses = {
        "Completed": ("completed",),
        "Coming": ("pending", "reserved", "confirmed", "in_progress"),
        "Not marked": ("unmarked",),
    }
    return Figure(
        name="visits",
        title="Visits",
        definition="Visits that start in these days and are neither cancelled nor missed. Those that are over without "
        "anybody having said whether the patient came are “not marked”.",
        unit=Unit.NUMBER,
        value=_count(now, _is_held),
        before=_count(before, _is_held),
        columns=[(label, Unit.NUMBER) for label in statuses],
        rows=[
            (bucket, *(sum(by_status[each][bucket] for each in among) for among in statuses.values()))
            for bucket in selection.period.list_buckets()
        ],
    )


def _sum_booked(rows):
    """Return {(clinician's id, Monday): minutes of visits}."""
    booked = defaultdict(int)
    for row in rows:
        if _is_held(row):
            booked[row.clinician_id, get_monday(row.bucket)] += row.time // MINUTE
    return booked


def _figure_cancellations(now, before):
    reasons, earlier = Counter(), Counter()
    for counted, rows in ((reasons, now), (earlier, before)):
        for row in filter(_is_cancelled, rows):
            counted[row.reason] += row.number
    total = reasons.total()
    return Figure(
        name="cancellations",
        title="Cancelled",
        definition="Cancelled visits as a share of all that were to start in these days. What was cancelled because it "
        "looked made up is left out, here and everywhere.",
        unit=Unit.SHARE,
        value=divide(total, _count(now)),
        before=divide(earlier.total(), _count(before)),
        columns=[("Visits", Unit.NUMBER), ("Share", Unit.SHARE), ("Before", Unit.NUMBER)],
        rows=[
            (_name_reason(reason), number, divide(number, total), earlier[reason])
            for reason, number in sorted((reasons | Counter(dict.fromkeys(earlier, 0))).items(), key=_rank)
        ],
    )


def _rank(item):
    return -item[1], item[0]


def _name_reason(reason):
    label = str(REASON_LABELS.get(reason, "")) or "no reason"
    return label[0].upper() + label[1:]


def _figure_cancelled_late(selection):
    numbers, earlier = Counter(), Counter()
    for counted, rows in zip((numbers, earlier), fetch_rows(CANCELLED_AHEAD, selection), strict=True):
        for _, ahead, number in rows:
            counted[ahead] += number
    late = numbers["after"] + numbers["day"]
    return Figure(
        name="cancelled-late",
        title="Cancelled late",
        definition="The share of cancelled visits that were cancelled less than 24 hours before their start, or "
        "after it.",
        unit=Unit.SHARE,
        value=divide(late, numbers.total()),
        before=divide(earlier["after"] + earlier["day"], earlier.total()),
        columns=[("Visits", Unit.NUMBER), ("Share", Unit.SHARE), ("Before", Unit.NUMBER)],
        rows=[
            (label, numbers[name], divide(numbers[name], numbers.total()), earlier[name])
            for name, label in CANCELLED_LABELS.items()
            if name != "unknown" or numbers[name] or earlier[name]
        ],
    )


def _figure_no_shows(selection, now, before):
    missed, settled = _count_by_bucket(now, _is_missed), _count_by_bucket(now, _is_settled)
    return Figure(
        name="no-shows",
        title="No-shows",
        definition="Visits to which nobody came, as a share of those that are marked as completed or as no-show.",
        unit=Unit.SHARE,
        value=divide(missed.total(), settled.total()),
        before=divide(_count(before, _is_missed), _count(before, _is_settled)),
        columns=[("No-shows", Unit.NUMBER), ("Marked visits", Unit.NUMBER), ("Share", Unit.SHARE)],
        rows=[
            (bucket, missed[bucket], settled[bucket], divide(missed[bucket], settled[bucket]))
            for bucket in selection.period.list_buckets()
        ],
    )


def _figures_revenue(selection, now, before):
    """Return a figure for each currency that visits are priced in."""
    currencies = sorted({row.currency for row in [*now, *before] if row.price})
    return [_figure_revenue(selection, currency, now, before) for currency in currencies]


def _figure_revenue(selection, currency, now, before):
    earned, coming = Counter(), Counter()
    for row in now:
        if row.currency == currency and row.status in {"completed", *STANDING}:
            (earned if row.status == "completed" else coming)[row.bucket] += row.price
    earlier = sum((row.price for row in before if row.currency == currency and row.status == "completed"), Decimal(0))
    return Figure(
        name=f"revenue-{currency.lower()}",
        title=f"Revenue in {currency}",
        definition="Prices of completed visits, as they were when the visits were booked, whether or not they are "
        "paid. “Coming” are visits that are booked and not marked yet.",
        unit=Unit.MONEY,
        value=sum(earned.values(), Decimal(0)),
        before=earlier,
        columns=[("Completed", Unit.MONEY), ("Coming", Unit.MONEY)],
        rows=[(bucket, Decimal(earned[bucket]), Decimal(coming[bucket])) for bucket in selection.period.list_buckets()],
        currency=currency,
    )


def _figure_new_patients(selection):
    now, before = fetch_rows(NEW_PATIENTS, selection)
    numbers = Counter(dict(now))
    return Figure(
        name="new-patients",
        title="New patients",
        definition="Patients whose first visit of all that are neither cancelled nor missed, at any location, starts "
        "in these days.",
        unit=Unit.NUMBER,
        value=numbers.total(),
        before=sum(number for _, number in before),
        columns=[("New patients", Unit.NUMBER)],
        rows=[(bucket, numbers[bucket]) for bucket in selection.period.list_buckets()],
    )


def _figure_waits(selection):
    waits, earlier = map(_count_waits, fetch_rows(WAITING_TIMES, selection))
    total, total_before = (sum(each.values(), Counter()) for each in (waits, earlier))
    return Figure(
        name="waiting",
        title="Waiting time",
        definition="The median of the minutes from “arrived” to “with clinician”, of visits for which both were "
        "marked. Nine of ten patients wait no longer than the second number.",
        unit=Unit.MINUTES,
        value=find_quantile(total, 0.5),
        before=find_quantile(total_before, 0.5),
        columns=[("Visits", Unit.NUMBER), ("Median", Unit.MINUTES), ("Nine of ten", Unit.MINUTES)],
        rows=[
            (bucket, waits[bucket].total(), find_quantile(waits[bucket], 0.5), find_quantile(waits[bucket], 0.9))
            for bucket in selection.period.list_buckets()
        ],
    )


def _count_waits(rows):
    """Return {first date of a day or week: how many waited how many minutes}."""
    waits = defaultdict(Counter)
    for bucket, minutes, number in rows:
        waits[bucket][minutes] += number
    return waits
