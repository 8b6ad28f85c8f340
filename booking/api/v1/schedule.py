"""When clinicians work and when they do not: hours of every week, extra hours on a date, time off."""

from datetime import timedelta
from functools import partial

from django.db.models import DateField, F, Func
from django.http import Http404
from django.shortcuts import get_object_or_404

from booking.api.operation import operation
from booking.api.v1.schedule_rows import (
    ExtraHoursFilters,
    ExtraHoursInput,
    ExtraHoursOutput,
    TimeOffFilters,
    TimeOffInput,
    TimeOffOutput,
    WorkingHoursFilters,
    WorkingHoursInput,
    WorkingHoursOutput,
)
from booking.api.views import ApiView
from booking.domain.schedule import add_to_schedule, change_schedule, remove_from_schedule
from booking.models import ApiKey
from scheduling.models import TimeOff
from scheduling.models.local_zones import get_time_off_zone
from scheduling.overlapping_hours import OverlappingHours

MICROSECOND = timedelta(microseconds=1)
READ, WRITE = ApiKey.Scope.READ_SCHEDULE, ApiKey.Scope.WRITE_SCHEDULE


class LocalDay(Func):
    """The date of a moment in a time zone, given by its name."""

    template = "timezone(%(expressions)s)::date"
    output_field = DateField()

    def __init__(self, moment, zone):
        super().__init__(zone, moment)


class ScheduleView(ApiView):
    """What the endpoints of the schedule share."""

    tag = "Schedule"
    is_personal = True

    def rows(self):
        return self.output.Meta.model.objects.all()

    def row(self, id):
        return get_object_or_404(self.rows(), pk=id)

    def write(self, rows):
        return self.output(rows, many=True, context={"key": self.key}).data

    def answer_row(self, id, status=200, **headers):
        row = self.row(id)
        [written] = self.write([row])
        return self.answer_version(row, written, status, **headers)


class ScheduleList(ScheduleView):
    scopes = {"GET": READ, "POST": WRITE}

    def list_rows(self):
        rows = self.paginate_queryset(self.rows().filter(self.filters))
        return self.get_paginated_response(self.write(rows))

    def create(self):
        row = self.body()
        add_to_schedule(row)
        return self.answer_row(row.pk, 201, Location=self.locate(f"{self.request.path}/{row.pk}"))


class ScheduleEntry(ScheduleView):
    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    def change(self, id):
        row = self.row(id)
        validate = partial(self.body, partial=True)
        self.call(change_schedule, row, lambda fresh: validate(instance=fresh))
        return self.answer_row(id)

    def remove(self, id):
        row = self.row(id)
        [written] = self.write([row])
        self.call(remove_from_schedule, row)
        return self.answer(written)

    def call(self, verb, row, *arguments):
        try:
            verb(row, *arguments, expected_version=self.expected_version(row))
        except type(row).DoesNotExist as error:  # deleted since we looked
            raise Http404 from error


adding = partial(operation, status=[201], has_etag=True, has_location=True)
changing = partial(operation, has_etag=True, supports_if_match=True)


class WorkingHoursList(ScheduleList):
    """List weekly hours; add some."""

    output = WorkingHoursOutput

    @operation(name="list_working_hours", query=WorkingHoursFilters, many=True)
    def get(self, request):
        """List weekly hours in pages, those that came first before the others."""
        return self.list_rows()

    @adding(name="create_working_hours", body=WorkingHoursInput, refusals=[OverlappingHours])
    def post(self, request):
        """Add weekly hours. They may overlap others at the same location, but none elsewhere."""
        return self.create()


class WorkingHoursEntry(ScheduleEntry):
    """Read, change or delete one row of weekly hours."""

    output = WorkingHoursOutput

    @operation(name="get_working_hours", has_etag=True)
    def get(self, request, id):
        """Read one row of weekly hours."""
        return self.answer_row(id)

    @changing(name="change_working_hours", body=WorkingHoursInput, refusals=[OverlappingHours])
    def patch(self, request, id):
        """Change what is sent, and only that. What is booked stays booked."""
        return self.change(id)

    @operation(name="delete_working_hours", supports_if_match=True)
    def delete(self, request, id):
        """Delete weekly hours; the answer is what they were. What is booked stays booked."""
        return self.remove(id)


class ExtraHoursList(ScheduleList):
    """List hours on single dates; add some."""

    output = ExtraHoursOutput

    @operation(name="list_extra_hours", query=ExtraHoursFilters, many=True)
    def get(self, request):
        """List extra hours in pages, those that came first before the others."""
        return self.list_rows()

    @adding(name="create_extra_hours", body=ExtraHoursInput, refusals=[OverlappingHours])
    def post(self, request):
        """Add hours on one date. They may overlap others at the same location, but none elsewhere."""
        return self.create()


class ExtraHoursEntry(ScheduleEntry):
    """Read, change or delete hours on one date."""

    output = ExtraHoursOutput

    @operation(name="get_extra_hours", has_etag=True)
    def get(self, request, id):
        """Read one row of extra hours."""
        return self.answer_row(id)

    @changing(name="change_extra_hours", body=ExtraHoursInput, refusals=[OverlappingHours])
    def patch(self, request, id):
        """Change what is sent, and only that. What is booked stays booked."""
        return self.change(id)

    @operation(name="delete_extra_hours", supports_if_match=True)
    def delete(self, request, id):
        """Delete extra hours; the answer is what they were. What is booked stays booked."""
        return self.remove(id)


class TimeOffView(ScheduleView):
    output = TimeOffOutput

    def rows(self):
        rows = TimeOff.objects.annotate(zone=get_time_off_zone())
        # The end is not part of it: what ends at midnight has its last day before.
        first, last = LocalDay(F("starts_at"), F("zone")), LocalDay(F("ends_at") - MICROSECOND, F("zone"))
        return rows.annotate(first_day=first, last_day=last)


class TimeOffList(TimeOffView, ScheduleList):
    """List when clinicians are away and locations closed; add to it."""

    @operation(name="list_time_off", query=TimeOffFilters, many=True)
    def get(self, request):
        """List time off in pages, what came first before the others."""
        return self.list_rows()

    @adding(name="create_time_off", body=TimeOffInput)
    def post(self, request):
        """Add time off. Dates instead of date-times are whole days. What is booked then stays booked."""
        return self.create()


class TimeOffEntry(TimeOffView, ScheduleEntry):
    """Read, change or delete time off."""

    @operation(name="get_time_off", has_etag=True)
    def get(self, request, id):
        """Read one time off."""
        return self.answer_row(id)

    @changing(name="change_time_off", body=TimeOffInput)
    def patch(self, request, id):
        """Change what is sent, and only that."""
        return self.change(id)

    @operation(name="delete_time_off", supports_if_match=True)
    def delete(self, request, id):
        """Delete time off; the answer is what it was."""
        return self.remove(id)
