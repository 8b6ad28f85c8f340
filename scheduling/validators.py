"""Limits on what staff may configure; each raises ValidationError with a sentence that says what to do."""

from datetime import timedelta
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

from .durations import written


def known_time_zone(name):
    if name not in available_timezones():
        raise ValidationError("“%(name)s” is not a time zone. Write one such as Europe/London.", params={"name": name})


@deconstructible
class WholeMinutes:
    """A duration in whole minutes from ``least`` to ``most``."""

    def __init__(self, *, least, most):
        self.least, self.most = least, most

    def __call__(self, duration):
        if not self.least <= duration <= self.most or duration % timedelta(minutes=1):
            raise ValidationError(
                "Write whole minutes from %(least)s to %(most)s.",
                params={"least": written(self.least), "most": written(self.most)},
            )

    def __eq__(self, other):
        return isinstance(other, WholeMinutes) and (self.least, self.most) == (other.least, other.most)


from_a_minute_to_half_a_day = WholeMinutes(least=timedelta(minutes=1), most=timedelta(hours=12))
up_to_four_hours = WholeMinutes(least=timedelta(), most=timedelta(hours=4))
up_to_two_years = WholeMinutes(least=timedelta(), most=timedelta(days=730))
