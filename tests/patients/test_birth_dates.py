"""Until when somebody can be born: today, where that is."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from patients.models import validate_birth_date

AUCKLAND, HONOLULU = ZoneInfo("Pacific/Auckland"), ZoneInfo("Pacific/Honolulu")


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """It is noon of 28 November in London: the 29th in Auckland has just begun, and in Honolulu the 28th."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))


@pytest.mark.parametrize(("born", "zone"), [(29, AUCKLAND), (28, HONOLULU), (28, UTC)])
def test_somebody_may_be_born_today_where_they_are(born, zone):
    validate_birth_date(date(2026, 11, born), zone)
    with pytest.raises(ValidationError):
        validate_birth_date(date(2026, 11, born + 1), zone)


def test_without_a_place_today_is_that_of_where_it_begins_first():
    validate_birth_date(date(2026, 11, 29))
    for impossible in (date(2026, 11, 30), date(1899, 12, 31)):
        with pytest.raises(ValidationError):
            validate_birth_date(impossible)
