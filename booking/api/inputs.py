"""What requests may contain: serializers that refuse what they do not know, and fields for times and ids."""

from datetime import UTC, date, datetime

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework import serializers

from patients.text import validate_printable

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Input(serializers.Serializer):
    """The fields of a body. An unknown one is an error, so that a typing error does not go unnoticed."""

    def to_internal_value(self, data):
        if isinstance(data, dict):
            unknown = {str(name): [UNKNOWN] for name in data if name not in self.fields}
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


UNKNOWN = serializers.ErrorDetail("There is no such field; check its spelling.", code="unknown")
REPEATED = serializers.ErrorDetail("This may be given only once.", code="repeated")


class Query(Input):
    """The parameters of an address: like a body, but only lists may be given more than once."""

    def to_internal_value(self, data):
        values, repeated = {}, {}
        for name, given in data.lists():
            if isinstance(self.fields.get(name), serializers.ListField):
                values[name] = given
            elif len(given) > 1:
                repeated[name] = [REPEATED]
            else:
                values[name] = given[0]
        if repeated:
            raise serializers.ValidationError(repeated)
        return super().to_internal_value(values)


class Text(serializers.CharField):
    """Text in which everything can be seen: no control characters, nothing that turns text around."""

    def __init__(self, *, check=validate_printable, **kwargs):
        super().__init__(**kwargs)
        self.check = check

    def to_internal_value(self, data):
        value = super().to_internal_value(data)
        try:
            self.check(value)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code="unprintable") from error
        return value


class Moment(serializers.Field):
    """An ISO 8601 date-time with an offset, between 2000 and 2100."""

    default_error_messages = {
        "invalid": "Write a date-time such as 2026-03-30T09:00:00+01:00.",
        "no_offset": "Add the offset from UTC: 2026-03-30T09:00:00+01:00, or Z.",
        "out_of_range": "Write a date-time between the years 2000 and 2100.",
    }

    def to_internal_value(self, data):
        try:
            moment = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            moment = None
        if moment is None:
            self.fail("invalid")
        if moment.tzinfo is None:
            self.fail("no_offset")
        # Compared as UTC, which years 1 and 9999 can leave: then there is no such instant.
        if not 2000 <= moment.year <= 2100 or not EARLIEST <= moment <= LATEST:
            self.fail("out_of_range")
        return moment

    def to_representation(self, value):
        return value.isoformat()


class DayOrMoment(Moment):
    """A date (of the location's time zone), or a date-time with an offset."""

    default_error_messages = {
        "invalid": "Write a date such as 2026-03-30, or a date-time such as 2026-03-30T09:00:00+01:00.",
    }

    def to_internal_value(self, data):
        try:
            day = parse_date(data) if isinstance(data, str) else None
        except ValueError:
            self.fail("invalid")
        if day is None:
            return super().to_internal_value(data)
        if not date(2000, 1, 1) <= day <= date(2100, 1, 1):
            self.fail("out_of_range")
        return day
