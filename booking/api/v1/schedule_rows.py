"""Rows of the schedule in requests and answers: hours of every week, extra hours on a date, time off."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Q
from rest_framework import serializers

from booking.api.fields import Choice, Day, DayOrMoment, Id, Moment, Text, WallTime, as_moment
from booking.api.lists import Ids
from booking.api.pagination import ChangesQuery, PageQuery
from booking.api.serializers import Input
from booking.models import ApiKey
from scheduling.models import Clinician, ExtraHours, Location, TimeOff, WorkingHours
from scheduling.models.local_zones import find_time_off_zone


class Weekday(Choice):
    """A day of the week by its English name."""

    NAMES = [day.name.lower() for day in WorkingHours.Weekday]

    def __init__(self, **options):
        super().__init__(self.NAMES, **options)

    def to_internal_value(self, data):
        return self.NAMES.index(super().to_internal_value(data))

    def to_representation(self, value):
        return self.NAMES[value]


class RowInput(Input):
    """A row of the schedule, checked by its model's own rules."""

    model: type

    def validate(self, fields):
        """Return an unsaved row, or with ``instance`` that one changed."""
        row = self.instance or self.model()
        for name, value in fields.items():
            setattr(row, name, value)
        self.complete(row)
        try:
            row.full_clean(validate_unique=False)
        except DjangoValidationError as error:
            names = {field.source: name for name, field in self.fields.items()}
            said = {names.get(name, name): messages for name, messages in error.message_dict.items()}
            if ends := said.pop(NON_FIELD_ERRORS, None):
                said["end_time"] = ends
            raise serializers.ValidationError(said, code="order") from error
        return row

    def complete(self, row):
        """Check what no model knows of, and set what depends on more than one field."""


class HoursInput(RowInput):
    """Who works where, from when until when, as the clocks there say; ``00:00`` ends the day."""

    clinician_id = Id(queryset=Clinician.objects.all(), source="clinician")
    location_id = Id(queryset=Location.objects.all(), source="location")
    start_time = WallTime()
    end_time = WallTime(help_text="`00:00` is midnight at the end of the day.")
    is_remote = serializers.BooleanField(required=False, help_text="By video. Hours for both are two rows.")


class WorkingHoursInput(HoursInput):
    """Hours of a day of the week; perhaps only from a date, until one, and in every n-th week."""

    model = WorkingHours

    weekday = Weekday()
    valid_from = Day(required=False, allow_null=True, help_text="The first date.")
    valid_until = Day(required=False, allow_null=True, help_text="The last date.")
    every_weeks = serializers.IntegerField(
        required=False, min_value=1, max_value=52, help_text="2: every second week, counted from that of `valid_from`."
    )

    def complete(self, row):
        if row.every_weeks > 1 and row.valid_from is None:
            said = "Say from when the weeks are counted."
            raise serializers.ValidationError({"valid_from": said}, code="required")


class ExtraHoursInput(HoursInput):
    """Hours on one date, beside those of the week."""

    model = ExtraHours

    date = Day()


class TimeOffInput(RowInput):
    """Either a clinician is away, or a whole location is closed."""

    model = TimeOff

    clinician_id = Id(queryset=Clinician.objects.all(), source="clinician", required=False, allow_null=True)
    location_id = Id(queryset=Location.objects.all(), source="location", required=False, allow_null=True)
    start_time = DayOrMoment(source="starts_at")
    end_time = DayOrMoment(source="ends_at")
    reason = Text(max_length=100, required=False, allow_blank=True, help_text="For staff only.")

    def complete(self, row):
        if (row.clinician is None) == (row.location is None):
            raise serializers.ValidationError({"clinician_id": "Send either clinician_id or location_id."}, "either")
        zone = find_time_off_zone(clinician=row.clinician, location=row.location)
        row.starts_at, row.ends_at = as_moment(row.starts_at, zone), as_moment(row.ends_at, zone, is_end=True)


class RowOutput(serializers.ModelSerializer):
    """What all rows of the schedule have."""

    clinician_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        fields = ["id", "clinician_id", "location_id", "start_time", "end_time", "created_at", "updated_at"]


class WorkingHoursOutput(RowOutput):
    """Hours of a day of the week, as the clocks at the location say."""

    weekday = Weekday()
    start_time = WallTime()
    end_time = WallTime()

    class Meta:
        model = WorkingHours
        fields = [*RowOutput.Meta.fields, "is_remote", "weekday", "valid_from", "valid_until", "every_weeks"]


class ExtraHoursOutput(RowOutput):
    """Hours on one date, as the clocks at the location say."""

    start_time = WallTime()
    end_time = WallTime()

    class Meta:
        model = ExtraHours
        fields = [*RowOutput.Meta.fields, "is_remote", "date"]


class TimeOffOutput(RowOutput):
    """A clinician is away, or a location is closed; ``reason`` is empty without the scope to change it."""

    clinician_id = serializers.UUIDField(allow_null=True)
    location_id = serializers.UUIDField(allow_null=True)
    start_time = serializers.SerializerMethodField()
    end_time = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()

    class Meta:
        model = TimeOff
        fields = [*RowOutput.Meta.fields, "reason"]

    def get_start_time(self, row) -> datetime:
        return row.starts_at.astimezone(ZoneInfo(row.zone)).isoformat()

    def get_end_time(self, row) -> datetime:
        return row.ends_at.astimezone(ZoneInfo(row.zone)).isoformat()

    def get_reason(self, row) -> str:
        return row.reason if self.context["key"].may(ApiKey.Scope.WRITE_SCHEDULE) else ""


class ScheduleFilters(ChangesQuery, PageQuery):
    """Which rows: all filters must hold; of one that is repeated, any of its values."""

    clinician_id = Ids(source="clinician__in", help_text="May be repeated. Of this clinician.")
    location_id = Ids(source="location__in", help_text="May be repeated. At this location.")


class WorkingHoursFilters(ScheduleFilters):
    """Of dates those hours come that are valid on one of them, whatever day of the week it is."""

    start_date = Day(required=False, help_text="Those that are valid then or later.")
    end_date = Day(required=False, help_text="Those that are valid then or earlier.")

    def validate(self, fields):
        valid = Q()
        if first := fields.pop("start_date", None):
            valid &= Q(valid_until=None) | Q(valid_until__gte=first)
        if last := fields.pop("end_date", None):
            valid &= Q(valid_from=None) | Q(valid_from__lte=last)
        return {**fields, "valid": valid}


class ExtraHoursFilters(ScheduleFilters):
    """Of dates the first and the last, both included."""

    start_date = Day(required=False, source="date__gte", help_text="Those on that date or later.")
    end_date = Day(required=False, source="date__lte", help_text="Those on that date or earlier.")


class TimeOffFilters(ScheduleFilters):
    """Dates are those where the clinician works or the location is."""

    start_date = Day(required=False, source="last_day__gte", help_text="What ends on that date or later.")
    end_date = Day(required=False, source="first_day__lte", help_text="What begins on that date or earlier.")
