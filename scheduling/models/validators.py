"""Limits on what staff may configure: each raises ValidationError with a sentence that says what to do."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

from scheduling.lib.currencies import DECIMALS
from scheduling.lib.durations import format_duration
from scheduling.lib.spoken_languages import SPOKEN_LANGUAGES


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError("“%(name)s” is not a time zone. Write one such as Europe/London.", params={"name": name})


def validate_languages(codes: list[str]) -> None:
    """Raise ValidationError unless each is a code of a language, and none is there twice."""
    unknown = set(codes) - set(SPOKEN_LANGUAGES)
    if unknown or len(set(codes)) < len(codes):
        raise ValidationError("Write each language once, by its code of BCP 47 such as en or bfi.")


def validate_price(price: Decimal, currency: str) -> None:
    """Raise ValidationError unless ``currency`` is of ISO 4217 and has as many decimals as ``price``."""
    decimals = DECIMALS.get(currency)
    if decimals is None:
        raise ValidationError({"currency": f"“{currency}” is not an ISO 4217 code of money. Write one such as GBP."})
    if price != round(price, decimals):
        raise ValidationError({"price": f"Prices in {currency} have {decimals or 'no'} decimals."})


@deconstructible
class WholeMinutes:
    """A duration in whole minutes from ``minimum`` to ``maximum``."""

    def __init__(self, *, minimum: timedelta, maximum: timedelta) -> None:
        self.minimum, self.maximum = minimum, maximum

    def __call__(self, duration: timedelta) -> None:
        if not self.minimum <= duration <= self.maximum or duration % timedelta(minutes=1):
            raise ValidationError(
                "Write whole minutes from %(minimum)s to %(maximum)s.",
                params={"minimum": format_duration(self.minimum), "maximum": format_duration(self.maximum)},
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WholeMinutes) and (self.minimum, self.maximum) == (other.minimum, other.maximum)


from_a_minute_to_half_a_day = WholeMinutes(minimum=timedelta(minutes=1), maximum=timedelta(hours=12))
up_to_four_hours = WholeMinutes(minimum=timedelta(), maximum=timedelta(hours=4))
up_to_two_years = WholeMinutes(minimum=timedelta(), maximum=timedelta(days=730))
from_a_quarter_to_four_weeks = WholeMinutes(minimum=timedelta(minutes=15), maximum=timedelta(weeks=4))
