"""How many online bookings a day are usual at a location."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.domain.location_activity import count_activity
from booking.models import Appointment, LocationActivity
from tests.conftest import LONDON

DAYS = 28


@pytest.fixture
def book_days_ago(alice, harbour, consultation, dana):
    """Write down bookings that were made so many days ago; no slot is needed for what is cancelled."""
    alice.save()

    def book_days_ago(days, number=1, verification="waived", reason="other", hour=12):
        noon = timezone.now().astimezone(LONDON).replace(hour=hour, minute=30)
        Appointment.objects.bulk_create(
            Appointment(
                reference=f"{days}-{hour}-{each}",
                status="cancelled",
                cancellation_reason=reason,
                patient=alice,
                service=consultation,
                clinician=dana,
                location=harbour,
                starts_at=noon,
                ends_at=noon + timedelta(minutes=30),
                price=60,
                currency="GBP",
                verification=verification,
                created_at=noon - timedelta(days=days),
            )
            for each in range(number)
        )

    return book_days_ago


def read_activity():
    count_activity()
    return LocationActivity.objects.get().bookings_per_day


def test_location_without_bookings_has_none_usual(harbour):
    assert read_activity() == 0


def test_activity_is_the_median_of_four_weeks(book_days_ago):
    for days in range(1, 1 + DAYS // 2):
        book_days_ago(days, 3)
    assert read_activity() == 2  # between 0 and 3, rounded up

    for days in range(1 + DAYS // 2, 1 + DAYS):
        book_days_ago(days, 6, verification="verified")
    assert read_activity() == 5

    Appointment.objects.all().delete()
    assert read_activity() == 0


@pytest.mark.parametrize("attack", [{"reason": "unusual"}, {"verification": "required"}, {"verification": ""}], ids=str)
def test_attack_does_not_become_usual(attack, book_days_ago):
    for days in range(1, 1 + DAYS):
        book_days_ago(days, 2)
        book_days_ago(days, 9, hour=13, **attack)

    assert read_activity() == 2


def test_today_and_single_loud_days_do_not_count(book_days_ago):
    book_days_ago(0, 40)
    for days in (1, 2, 29):
        book_days_ago(days, 40)

    assert read_activity() == 0
