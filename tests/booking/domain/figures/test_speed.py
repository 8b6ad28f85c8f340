"""A year of a big clinic is counted while somebody waits."""

from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from booking.domain.figures import Period, Selection, compute_figures
from scheduling.models import Location
from tests.booking.domain.figures.big_clinic import LAST, make_big_clinic

pytestmark = [pytest.mark.django_db, pytest.mark.scale]


def test_figures_of_a_year_with_a_hundred_thousand_visits_take_less_than_300_ms():
    make_big_clinic()
    selection = Selection(
        Period(LAST - timedelta(days=364), LAST),
        [location.pk for location in Location.objects.all()],
        datetime(2026, 12, 1, tzinfo=UTC),
    )

    taken = []
    for _ in range(5):
        started = perf_counter()
        figures = compute_figures(selection)
        taken.append(perf_counter() - started)

    assert next(figure.value for figure in figures if figure.name == "visits") > 100_000
    assert min(taken) < 0.3, taken
