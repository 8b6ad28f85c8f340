"""What requests may contain: serializers that refuse what they do not know, and fields for times and ids."""

import json
from collections import Counter
from datetime import UTC, date, datetime

import orjson
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework import exceptions, serializers

from patients.text import validate_printable
from scheduling.rows import find

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Members(dict):
    """The members of a JSON object; ``repeated`` has the names that were given more than once."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]


def read_json(raw):
    """Return the Members of a JSON object in UTF-8, or raise ParseError."""
    try:
        orjson.loads(raw)  # strict: no NaN, no half characters, not nested a thousand times
        data = json.loads(raw, object_pairs_hook=Members)
    except (ValueError, RecursionError) as error:
        raise exceptions.ParseError from error
    if not isinstance(data, dict):
        raise exceptions.ParseError
    return data


class Input(serializers.Serializer):
    """The fields of a body. An unknown one is an error, so that a typing error does not go unnoticed.

    ``ways`` has the sets of fields of which one must be there, where a body can be put in several ways.
    """

    ways = ()

    def to_internal_value(self, data):
        if isinstance(data, dict):
            errors = {name: [UNKNOWN] for name in data if name not in self.fields}
            errors |= {name: [REPEATED] for name in getattr(data, "repeated", ())}
            errors |= self.errors_of_type(data)
            if errors:
                raise serializers.ValidationError(errors)
        return super().to_internal_value(data)

    def errors_of_type(self, data):
        """Return an error for each member of another JSON type than its field has: "1" is not 1, though 1.0 is."""
        errors = {}
        for name, value in data.items():
            wanted = json_type(self.fields.get(name))
            is_whole = wanted is int and type(value) is float and value.is_integer()
            if wanted and value is not None and type(value) is not wanted and not is_whole:
                errors[name] = [serializers.ErrorDetail(f"This must be {TYPES[wanted]}.", code="type")]
        return errors


TYPES = {bool: "true or false", int: "a whole number", str: "a text"}


def json_type(field):
    """Return the Python type of a field's JSON, or None where the field itself is strict."""
    if isinstance(field, serializers.BooleanField):
        return bool
    if isinstance(field, serializers.IntegerField):
        return int
    return str if isinstance(field, WRITTEN_AS_TEXT) else None


WRITTEN_AS_TEXT = (
    serializers.CharField, serializers.UUIDField, serializers.DateField, serializers.ChoiceField,
    serializers.PrimaryKeyRelatedField,
)
UNKNOWN = serializers.ErrorDetail("There is no such field; check its spelling.", code="unknown")
REPEATED = serializers.ErrorDetail("This may be given only once.", code="repeated")


class Query(Input):
    """The parameters of an address: like a body, but all are text, and only lists may be given more than once."""

    def errors_of_type(self, data):
        return {}

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


class Id(serializers.PrimaryKeyRelatedField):
    """The id of a row; an empty text is no way of saying null."""

    default_error_messages = {"does_not_exist": "Nothing here has that id."}

    def __init__(self, **kwargs):
        super().__init__(pk_field=serializers.UUIDField(), **kwargs)

    def run_validation(self, data=serializers.empty):
        if data == "":
            self.pk_field.fail("invalid", value=data)
        return super().run_validation(data)

    def to_internal_value(self, data):
        if self.get_queryset().query.where:  # not any row will do
            return super().to_internal_value(data)
        id = self.pk_field.to_internal_value(data)
        return find(self.queryset.model, id=id) or self.fail("does_not_exist", pk_value=id)


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


def is_plain(data):
    """Return whether ``data`` is text in ASCII: other digits, and a NUL at the end, pass for a time in Python."""
    return isinstance(data, str) and data.isascii() and data.isprintable()


class Moment(serializers.Field):
    """An ISO 8601 date-time with an offset, between 2000 and 2100."""

    default_error_messages = {
        "invalid": "Write a date-time such as 2026-03-30T09:00:00+01:00.",
        "no_offset": "Add the offset from UTC: 2026-03-30T09:00:00+01:00, or Z.",
        "out_of_range": "Write a date-time between the years 2000 and 2100.",
    }

    def to_internal_value(self, data):
        try:
            moment = parse_datetime(data) if is_plain(data) else None
        except ValueError:
            moment = None
        if moment is None:
            self.fail("invalid")
        if moment.tzinfo is None:
            self.fail("no_offset")
        # Compared as UTC, which years 1 and 9999 can leave: then there is no such instant.
        if not 2000 <= moment.year <= 2100 or not EARLIEST <= moment <= LATEST:
            self.fail("out_of_range")
        return moment.astimezone(UTC)  # PostgreSQL refuses some offsets, and arithmetic on others forgets the fold

    def to_representation(self, value):
        return value.isoformat()


class DayOrMoment(Moment):
    """A date (of the location's time zone), or a date-time with an offset."""

    default_error_messages = {
        "invalid": "Write a date such as 2026-03-30, or a date-time such as 2026-03-30T09:00:00+01:00.",
    }

    def to_internal_value(self, data):
        try:
            day = parse_date(data) if is_plain(data) else None
        except ValueError:
            self.fail("invalid")
        if day is None:
            return super().to_internal_value(data)
        if not date(2000, 1, 1) <= day <= date(2100, 1, 1):
            self.fail("out_of_range")
        return day
