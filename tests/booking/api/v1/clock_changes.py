"""The Sundays on which London's clocks change next."""

from datetime import date, timedelta

from django.utils import timezone


def get_next_last_sunday(month):
    """The next last Sunday of a month of 31 days, at least a week away."""
    soonest = timezone.now().date() + timedelta(days=7)
    for year in (soonest.year, soonest.year + 1):
        end = date(year, month, 31)
        sunday = end - timedelta(days=(end.weekday() + 1) % 7)
        if sunday >= soonest:
            return sunday
    raise AssertionError("there is one every year")
