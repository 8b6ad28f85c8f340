"""Fields of what requests may contain: ids, texts, choices, dates and times."""

import re
from datetime import UTC, datetime, time, timedelta

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework import serializers

from booking.api.serializers import Query
from patients.text import clean_text, validate_printable
from scheduling.lib.compiled_queries import get_or_none
from scheduling.models import Clinician, Service

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


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
        return get_or_none(self.queryset.model, id=id) or self.fail("does_not_exist", pk_value=id)


class BookableService(Id):
    """The id of a service; for a publishable key the others do not exist that it cannot hold."""

    def __init__(self, *, queryset=None, **kwargs):
        super().__init__(queryset=Service.objects.all() if queryset is None else queryset, **kwargs)

    def to_internal_value(self, data):
        service = super().to_internal_value(data)
        return service if is_bookable(service, self.context["key"]) else self.fail("does_not_exist", pk_value=data)


def is_bookable(service, key):
    """Return whether a key may book a service: a publishable one only what patients book online."""
    return service.is_online_bookable or not key.is_publishable


class ClinicianIds(serializers.ListField):
    """Ids of clinicians who exist."""

    child = serializers.UUIDField()

    def to_internal_value(self, data):
        ids = super().to_internal_value(data)
        if Clinician.objects.filter(pk__in=ids).count() != len(set(ids)):
            raise serializers.ValidationError(Id.default_error_messages["does_not_exist"], code="does_not_exist")
        return ids


class Choice(serializers.ChoiceField):
    """One of a few words; who sends another is told them all."""

    default_error_messages = {"invalid_choice": "Choose one of these: {choices}."}

    def fail(self, key, **kwargs):
        super().fail(key, choices=", ".join(self.choices), **kwargs)


class Text(serializers.CharField):
    """A line of text, or with ``lines`` several, without what nobody sees; what turns text around is refused."""

    def __init__(self, *, check=validate_printable, lines=False, **kwargs):
        super().__init__(**kwargs)
        self.check, self.lines = check, lines

    def run_validation(self, data=serializers.empty):
        return super().run_validation(clean_text(data, lines=self.lines) if isinstance(data, str) else data)

    def to_internal_value(self, data):
        value = super().to_internal_value(data)
        try:
            self.check(value)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        return value


class Notes(Text):
    """What somebody has to say of an appointment, in lines."""

    def __init__(self, **options):
        fixed = {"max_length": 2000, "required": False, "allow_blank": True, "lines": True}
        super().__init__(**fixed | options)


class EmailAddress(Text, serializers.EmailField):
    """An e-mail address that looks like one."""

    def __init__(self, **options):
        super().__init__(**{"max_length": 254, "required": False, "allow_blank": True} | options)


def is_plain(data):
    """Return whether ``data`` is text in ASCII: other digits, and a NUL at the end, pass for a time in Python."""
    return isinstance(data, str) and data.isascii() and data.isprintable()


WALL_TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


class WallTime(serializers.Field):
    """A time on the clocks of a location, as HH:MM."""

    default_error_messages = {"invalid": "Write a time such as 09:30."}

    def to_internal_value(self, data):
        if not isinstance(data, str) or not re.fullmatch(WALL_TIME, data):
            self.fail("invalid")
        return time.fromisoformat(data)

    def to_representation(self, value):
        return value.isoformat("minutes")


class AnyDay(serializers.DateField):
    """A date, of whatever year."""

    default_error_messages = {
        "invalid": "Write a date as year-month-day, such as 2026-03-30.",
        "no_such_day": "There is no such day.",
    }

    def to_internal_value(self, data):
        try:
            day = parse_date(data) if is_plain(data) else None
        except ValueError:
            self.fail("no_such_day")
        return day or self.fail("invalid")


class Day(AnyDay):
    """A date between 2000 and 2100."""

    default_error_messages = {"out_of_range": "Write a date between the years 2000 and 2100."}

    def to_internal_value(self, data):
        day = super().to_internal_value(data)
        return day if EARLIEST.date() <= day <= LATEST.date() else self.fail("out_of_range")


class Moment(serializers.Field):
    """An ISO 8601 date-time with an offset, between 2000 and 2100.

    In an address ``+`` means a space, so one that is where a ``+`` belongs is taken for it.
    """

    default_error_messages = {
        "invalid": "Write a date-time such as 2026-03-30T09:00:00+01:00.",
        "no_offset": "Add the offset from UTC: 2026-03-30T09:00:00+01:00, or Z.",
        "out_of_range": "Write a date-time between the years 2000 and 2100.",
    }

    def to_internal_value(self, data):
        if isinstance(data, str) and isinstance(self.parent, Query):
            data = re.sub("(T[0-9:.]{4,15}) (?=[0-9:]{4,5}$)", r"\1+", data)
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
    """A date (of the location's time zone), or a date-time with an offset; both between 2000 and 2100."""

    default_error_messages = {
        "invalid": "Write a date such as 2026-03-30, or a date-time such as 2026-03-30T09:00:00+01:00.",
    }

    def to_internal_value(self, data):
        if is_plain(data) and len(data) <= len("2026-03-30"):
            return Day().to_internal_value(data)
        return super().to_internal_value(data)


def as_moment(day_or_moment, zone=UTC, *, is_end=False):
    """Return what a DayOrMoment has read as a moment: a date as its beginning or its end in a time zone."""
    if isinstance(day_or_moment, datetime):
        return day_or_moment
    return datetime.combine(day_or_moment + timedelta(days=is_end), time(), zone)
