"""The opening that a request means: by ids and a time, or by a booking key alone."""

import re
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from django.utils import timezone
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey, read_booking_key
from booking.api.fields import WALL_TIME, Day, Id, Moment
from booking.api.serializers import Input, Way
from booking.domain.slot_selection import OpeningRequest, find_opening
from scheduling.availability.openings import as_datetime
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.compiled_queries import get_or_none
from scheduling.lib.phones import list_phone_countries
from scheduling.models import Clinician, Location, Service


class StartTime(Moment):
    """A date-time with an offset, or with ``date`` the location's local time as HH:MM."""

    default_error_messages = {
        "invalid": "Write 09:00 with date beside it, or a date-time such as 2026-03-30T09:00:00+01:00.",
    }

    def to_internal_value(self, data):
        if isinstance(data, str) and re.fullmatch(WALL_TIME, data):
            return time.fromisoformat(data)
        return super().to_internal_value(data)


BY_BOOKING_KEY = Way("ByBookingKey", ("booking_key",))


class OpeningInput(Input):
    """What to book. Leave clinician, location or is_remote out where any will do."""

    ways = [
        BY_BOOKING_KEY,
        Way("ByStart", ("appointment_type_id", "start_time"), ("clinician_id", "location_id", "is_remote", "date")),
    ]

    appointment_type_id = Id(queryset=Service.objects.all(), source="service", required=False)
    clinician_id = Id(queryset=Clinician.objects.all(), source="clinician", required=False, allow_null=True)
    location_id = Id(queryset=Location.objects.all(), source="location", required=False, allow_null=True)
    is_remote = serializers.BooleanField(required=False, allow_null=True)
    date = Day(required=False)
    start_time = StartTime(source="starts_at", required=False)
    booking_key = serializers.CharField(required=False, max_length=300)

    BY_KEY = ("service", "clinician", "location", "is_remote", "date", "starts_at")

    def validate(self, fields):
        """Return the fields with ``opening``, an OpeningRequest of what is named."""
        fields = super().validate(fields)
        named = {name: fields.pop(name) for name in self.BY_KEY if name in fields}
        key = fields.pop("booking_key", None)
        if key is None:
            opening = OpeningRequest(**self.by_ids(named))
        elif named:
            raise serializers.ValidationError(
                {"booking_key": "A booking key names everything: send it alone."}, code="alone"
            )
        else:
            opening = read_opening(key, now=timezone.now())
        if opening.service != self.context.get("service", opening.service):
            if key:
                raise InvalidBookingKey
            raise serializers.ValidationError(
                {"appointment_type_id": "This booking is for another service."}, code="other_service"
            )
        return {**fields, "opening": opening}

    def list_phone_countries(self):
        """Yield the countries that a phone number in the body may be of, first that of the location it names."""
        sent: dict = self.initial_data  # pyright: ignore[reportAssignmentType]
        location = None
        with suppress(serializers.ValidationError, InvalidBookingKey):  # they are told where the field is read
            if isinstance(key := sent.get("booking_key"), str):
                location = get_or_none(Location, id=read_booking_key(key, now=timezone.now()).location_id)
            elif sent.get("location_id"):
                location = self.fields["location_id"].run_validation(sent["location_id"])
        yield from list_phone_countries(location and location.country)

    def by_ids(self, named):
        if "service" in self.context:
            named.setdefault("service", self.context["service"])
        for name, field in (("service", "appointment_type_id"), ("starts_at", "start_time")):
            if name not in named:
                raise serializers.ValidationError({field: "This field is required."}, code="required")
        day = named.pop("date", None)
        if isinstance(named["starts_at"], datetime):
            if day:
                raise serializers.ValidationError({"date": "The start_time has its date already."}, code="alone")
        elif not (day and named.get("location")):
            raise serializers.ValidationError(
                {"start_time": "A local time needs date and location_id beside it."}, code="required"
            )
        else:
            named["starts_at"] = self.at_wall_time(day, named)
        return named

    def at_wall_time(self, day, named):
        """Return the instant of a local time; of an hour that a clock change repeats, the first that is open."""
        wall = datetime.combine(day, named["starts_at"], named["location"].zone)
        # As UTC, since arithmetic on wall time forgets the fold.
        earlier, later = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        if earlier == later:
            return earlier
        if earlier > later:  # PEP 495: so it is with a time that is skipped
            raise serializers.ValidationError(
                {"start_time": "The clock is put forward over that time on that day."}, code="skipped"
            )
        is_open = open_times(
            OpeningFilters(
                named["service"],
                clinician_ids=[named["clinician"].pk] if named.get("clinician") else None,
                location_id=named["location"].pk,
                is_remote=named.get("is_remote"),
            ),
            start_at=earlier,
            end_at=earlier + timedelta(seconds=1),
            now=timezone.now(),
        )
        return earlier if is_open else later


def read_opening(booking_key, *, now):
    """Return the opening that a booking key names, or raise InvalidBookingKey."""
    key = read_booking_key(booking_key, now=now)
    opening = find_opening(
        starts_at=as_datetime(key.start),
        service_id=key.service_id,
        clinician_id=key.clinician_id,
        location_id=key.location_id,
        is_remote=key.is_remote,
        is_assigned=key.is_assigned,
    )
    if opening is None:
        raise InvalidBookingKey
    return opening


OF_SAME_SERVICE = Way(
    "ByStart", ("start_time",), ("appointment_type_id", "clinician_id", "location_id", "is_remote", "date")
)


class NewTimeInput(OpeningInput):
    """Another opening of the same service. Leave clinician, location or is_remote out where any will do."""

    ways = [BY_BOOKING_KEY, OF_SAME_SERVICE]
