"""What became of visits, how full the weeks were, what they brought, who was new and who waited."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from booking.domain.figures import Period
from patients.models import Patient
from scheduling.models import ExtraHours, Location, TimeOff, WorkingHours
from tests.booking.domain.figures.conftest import MONDAY, WEEK, local

DAYS = [MONDAY + timedelta(days=n) for n in range(7)]


def test_visits_are_completed_coming_or_not_marked(visit, figures):
    visit(local(20))
    visit(local(23))
    visit(local(24), "confirmed")  # nobody said whether they came
    visit(local(27), "confirmed")
    visit(local(28), "pending")
    visit(local(24, 10), "no_show")
    visit(local(24, 11), "cancelled", cancellation_reason="other")
    visit(local(26), "in_progress")

    visits = figures()["visits"]

    assert (visits.value, visits.before) == (5, 1)
    assert visits.rows == [
        (DAYS[0], 1, 0, 0),
        (DAYS[1], 0, 0, 1),
        (DAYS[2], 0, 0, 0),
        (DAYS[3], 0, 1, 0),
        (DAYS[4], 0, 1, 0),
        (DAYS[5], 0, 1, 0),
        (DAYS[6], 0, 0, 0),
    ]


def test_cancellations_are_by_reason_and_by_how_late(visit, figures):
    visit(local(23))
    start = local(25)
    for reason, ahead in (
        ("patient_request", timedelta(minutes=-5)),
        ("patient_request", timedelta(hours=23)),
        ("clinician_unavailable", timedelta(hours=24)),
        ("patient_unwell", timedelta(days=2)),
        ("patient_request", timedelta(days=7)),
        ("unusual", timedelta(days=7)),
    ):
        visit(start, "cancelled", cancellation_reason=reason, cancelled_at=start - ahead)
    visit(start, "cancelled")  # imported
    visit(local(18), "cancelled", cancellation_reason="patient_unwell", cancelled_at=local(18, 8))

    found = figures()

    assert (found["cancellations"].value, found["cancellations"].before) == (6 / 7, 1)
    assert found["cancellations"].rows == [
        ("The patient asked", 3, 3 / 6, 0),
        ("No reason", 1, 1 / 6, 0),
        ("The clinician is unavailable", 1, 1 / 6, 0),
        ("The patient is unwell", 1, 1 / 6, 1),
    ]
    assert (found["cancelled-late"].value, found["cancelled-late"].before) == (2 / 6, 1)
    assert found["cancelled-late"].rows == [
        ("After it had begun", 1, 1 / 6, 0),
        ("Less than a day before", 1, 1 / 6, 1),
        ("1–2 days before", 1, 1 / 6, 0),
        ("2–7 days before", 1, 1 / 6, 0),
        ("Earlier", 1, 1 / 6, 0),
        ("Not known", 1, 1 / 6, 0),
    ]


def test_no_shows_are_a_share_of_the_marked_visits(visit, figures):
    visit(local(23))
    visit(local(23, 10), "no_show")
    visit(local(24))
    visit(local(25), "confirmed")

    missed = figures()["no-shows"]

    assert (missed.value, missed.before) == (1 / 3, None)
    assert missed.rows[:3] == [(DAYS[0], 1, 2, 1 / 2), (DAYS[1], 0, 1, 0), (DAYS[2], 0, 0, None)]


def test_utilisation_is_booked_of_offered_time_over_a_change_of_the_clocks(visit, figures, bea, dana, harbour):
    WorkingHours.objects.filter(clinician=dana).delete()
    # The night to Sunday has three hours between midnight and four.
    ExtraHours.objects.create(
        clinician=dana, location=harbour, date=date(2026, 3, 29), start_time="00:00", end_time="04:00"
    )
    TimeOff.objects.create(clinician=bea, starts_at=local(23, 11), ends_at=local(24))
    TimeOff.objects.create(location=harbour, starts_at=local(23, 10, 30), ends_at=local(23, 11, 30))
    visit(local(23))
    visit(local(23, 9, 30), "no_show")
    visit(local(23, 10), "confirmed")
    visit(local(29, 3), "confirmed", clinician=dana)

    found = figures()

    assert found["utilisation"].value == 1.5 / 4.5
    assert found["utilisation"].before == 0
    assert found["utilisation"].rows == [(MONDAY, 1.5, 4.5, 1.5 / 4.5)]
    assert found["clinicians"].columns == [("23 Mar 2026", "share")]
    assert found["clinicians"].rows == [("Bea Unsworth", 1 / 1.5), ("Dana Reed", 0.5 / 3)]


def test_utilisation_beside_the_hours_and_without_any(visit, figures, bea, dana):
    WorkingHours.objects.filter(clinician=dana).delete()
    visit(local(23), clinician=dana)
    for hour in range(8, 12):
        visit(local(23, hour), ends_at=local(23, hour + 1))

    assert figures()["clinicians"].rows == [("Bea Unsworth", 4 / 3), ("Dana Reed", None)]


def test_long_periods_are_counted_by_weeks_cut_at_their_ends(visit, figures):
    visit(local(18))  # a Wednesday
    visit(local(25))
    found = figures(Period(date(2026, 3, 18), date(2026, 4, 23)))

    assert found["visits"].rows == [
        (date(2026, 3, 18), 1, 0, 0),
        (date(2026, 3, 23), 1, 0, 0),
        *[(date(2026, 3, 30) + n * timedelta(days=7), 0, 0, 0) for n in range(4)],
    ]
    # Bea's Mondays: none in the first week, which begins on its Wednesday.
    assert [row[2] for row in found["utilisation"].rows] == [0, 3, 3, 3, 3, 3]


def test_revenue_is_by_currency_completed_and_coming(visit, figures):
    visit(local(23))
    visit(local(23, 10), "no_show")
    visit(local(27), "confirmed")
    visit(local(27, 10), price=5000, currency="JPY")
    visit(local(17), price=Decimal("12.50"))

    found = figures()

    assert (found["revenue-gbp"].value, found["revenue-gbp"].before) == (60, Decimal("12.50"))
    assert [row for row in found["revenue-gbp"].rows if row[1] or row[2]] == [(DAYS[0], 60, 0), (DAYS[4], 0, 60)]
    assert (found["revenue-jpy"].value, found["revenue-jpy"].before) == (5000, 0)


def test_new_patients_have_their_first_visit_of_all_in_the_period(visit, figures, bob, dana):
    mill = Location.objects.create(name="Mill Lane", city="London")
    cora, dev, eve = (Patient.objects.create(first_name=name) for name in ("Cora", "Dev", "Eve"))
    visit(local(24))  # Bob
    visit(local(25))
    visit(local(10), patient=cora, location=mill)
    visit(local(24, 10), patient=cora)
    visit(local(18), "no_show", patient=dev)
    visit(local(27, 10), "confirmed", patient=dev, clinician=dana)
    visit(local(19), patient=eve)

    new = figures()["new-patients"]

    assert (new.value, new.before) == (2, 1)
    assert [row for row in new.rows if row[1]] == [(DAYS[1], 1), (DAYS[4], 1)]
    assert figures(clinician_id=dana.pk)["new-patients"].value == 1


def test_waiting_time_is_from_arrived_to_with_clinician(visit, figures):
    for hour, minutes in ((9, 5), (10, 10), (11, 30), (12, -1)):
        arrived_at = local(23, hour)
        visit(local(23, hour), arrived_at=arrived_at, seen_at=arrived_at + timedelta(minutes=minutes))
    visit(local(24), arrived_at=local(24))
    visit(local(16), arrived_at=local(16), seen_at=local(16, 9, 7))

    waiting = figures()["waiting"]

    assert (waiting.value, waiting.before) == (10, 7)
    assert waiting.rows[:2] == [(DAYS[0], 3, 10, 30), (DAYS[1], 0, None, None)]


def test_periods_are_a_day_to_a_year(figures):
    assert WEEK.before == Period(date(2026, 3, 16), date(2026, 3, 22))
    for last in (MONDAY - timedelta(days=1), MONDAY + timedelta(days=366)):
        with pytest.raises(ValueError, match="1 to 366 days"):
            figures(Period(MONDAY, last))
