"""Free times: as a list, per day, the next one, and why a time is not free.

The list can have thousands of openings, so its JSON is put together from parts that many of them share.
"""

from collections import Counter
from datetime import datetime, timedelta
from operator import itemgetter

import orjson
from django.http import HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from rest_framework import serializers

from booking.api.fields import BookableService, Choice, ClinicianIds, DayOrMoment, Id, Moment, as_moment
from booking.api.from_replica import FromReplica
from booking.api.not_offered_reasons import IN_MARKDOWN, generalize
from booking.api.operation import operation
from booking.api.serializers import Query
from booking.api.throttles import SearchThrottle
from booking.api.v1.calendars import read_calendars
from booking.api.v1.opening_output import (
    OpeningOutput,
    PlaceOutput,
    get_signer,
    write_openings,
    write_place,
    write_times,
)
from booking.api.views import ApiView
from booking.models import ApiKey
from scheduling.availability.assignment import Assign, assign_clinicians, find_next_assigned
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, explain, find_open_starts
from scheduling.models import Location

MAX_RANGE = timedelta(days=31)


class Filters(Query):
    """Which openings: of a service, and perhaps only some clinicians, one location, by video or not."""

    appointment_type_id = BookableService(source="service", help_text="Of this service: one of /appointment-types.")
    clinician_id = ClinicianIds(
        source="clinicians",
        required=False,
        max_length=50,
        help_text="May be repeated. Without it: every clinician.",
    )
    location_id = Id(
        queryset=Location.objects.all(),
        source="location",
        required=False,
        help_text="At this location. Without it: every location.",
    )
    is_remote = serializers.BooleanField(required=False, help_text="true: by video only; false: in person only.")
    sync_external = serializers.BooleanField(
        default=False, help_text="true: read the clinicians' own calendars now; false: as they were last read."
    )


class Assigned(Filters):
    """Which openings, and whether of each time only one."""

    assign = Choice(
        [how.value for how in Assign],
        default=Assign.NONE,
        help_text="`none`: the openings of every clinician. `random` or `balanced`: at each location and start one "
        "opening (in person and by video one each), with one of the free clinicians: any, or the one with the least "
        "booked time in that week (Monday to Sunday), then the one assigned longest ago.",
    )


class Range(Assigned):
    """At most 31 days: dates of the location's time zone, both included, or date-times with an offset."""

    start_date = DayOrMoment(
        source="start_at",
        help_text="The first date, in each location's time zone; or a date-time with an offset, from when on.",
    )
    end_date = DayOrMoment(
        source="end_at",
        help_text="The last date, included, in each location's time zone; or a date-time with an offset, until when. "
        "At most 31 days in all.",
    )

    def validate(self, fields):
        start_at, end_at = fields["start_at"], fields["end_at"]
        length = as_moment(end_at, is_end=True) - as_moment(start_at)
        if length <= timedelta() and end_at != start_at:
            raise serializers.ValidationError({"end_date": "The end is before the start."}, code="order")
        if length > MAX_RANGE:
            raise serializers.ValidationError({"end_date": "Ask for 31 days at most."}, code="range")
        return fields


class AvailabilityView(FromReplica, ApiView):
    """What all of these share: they may read the clinicians' own calendars first."""

    tag = "Availability"

    def get_throttles(self):
        return [*super().get_throttles(), SearchThrottle()]

    def read_filters(self):
        """Return the OpeningFilters asked for, and the output of the calendars that those openings depend on."""
        asked = self.parameters
        filters = OpeningFilters(
            asked["service"],
            clinician_ids=asked.get("clinicians"),
            location_id=asked["location"].pk if "location" in asked else None,
            is_remote=asked.get("is_remote"),
        )
        return filters, read_calendars(filters, sync_external=asked["sync_external"], key=self.key)

    def find_assigned_starts(self, filters, now):
        """Return the open starts of the range asked for, as (place, starts), assigned as asked for."""
        start_at, end_at = self.parameters["start_at"], self.parameters["end_at"]
        found = find_open_starts(filters, start_at=start_at, end_at=end_at, now=now)
        return assign_clinicians(found, self.parameters["assign"], now=now)


class Availability(AvailabilityView):
    """Every opening in a range."""

    scopes = {"GET": ApiKey.Scope.READ_AVAILABILITY}

    @method_decorator(gzip_page)
    @operation(query=Range, output=OpeningOutput, many=True, dated=True, tells_calendars=True)
    def get(self, request):
        (filters, calendars), now = self.read_filters(), timezone.now()
        service, is_assigned = filters.service, self.parameters["assign"] != Assign.NONE
        openings, times_in = [], {}
        for place, starts in self.find_assigned_starts(filters, now):
            sign = get_signer(service, place, now, is_assigned=is_assigned).sign
            shared = write_members(write_place(place))
            # Many clinicians are free at one time: it is written once for all of them.
            times = times_in.setdefault(place.zone, WrittenTimes(service.duration, place.zone))
            openings += [(start, f'{{{times[start]},{shared},"booking_key":"{sign(start)}"}}') for start in starts]
        openings.sort(key=itemgetter(0))
        meta = {
            "request_id": request.id,
            "generated_at": now,
            "calendars": calendars,
            "next_cursor": None,
            "has_more": False,
        }
        body = f'{{"data":[{",".join([text for _, text in openings])}],"meta":{orjson.dumps(meta).decode()}}}'
        return HttpResponse(body, content_type="application/json")


def write_members(members):
    """Return a dict as JSON without its braces."""
    return orjson.dumps(members).decode()[1:-1]


class WrittenTimes(dict):
    """{start: its times as JSON}, each written when it is first asked for."""

    def __init__(self, duration, zone):
        self.duration, self.zone = duration, zone

    def __missing__(self, start):
        text = self[start] = write_members(write_times(start, self.zone, self.duration))
        return text


class DayOutput(serializers.Serializer):
    """A local date and how many openings it has."""

    date = serializers.DateField()
    openings = serializers.IntegerField(min_value=1)


class Days(AvailabilityView):
    """How many openings each local date of a range has, for a calendar; dates without any are left out."""

    scopes = {"GET": ApiKey.Scope.READ_AVAILABILITY}

    @operation(name="list_available_days", query=Range, output=DayOutput, many=True, dated=True, tells_calendars=True)
    def get(self, request):
        (filters, calendars), now = self.read_filters(), timezone.now()
        days = Counter(
            datetime.fromtimestamp(start, place.zone).date()
            for place, starts in self.find_assigned_starts(filters, now)
            for start in starts
        )
        written = [{"date": day, "openings": days[day]} for day in sorted(days)]
        return self.answer(written, generated_at=now, calendars=calendars, next_cursor=None, has_more=False)


class Next(AvailabilityView):
    """The first opening in the service's horizon, or null."""

    scopes = {"GET": ApiKey.Scope.READ_AVAILABILITY}

    @operation(
        name="get_next_opening", query=Assigned, output=OpeningOutput, nullable=True, dated=True, tells_calendars=True
    )
    def get(self, request):
        (filters, calendars), now, how = self.read_filters(), timezone.now(), self.parameters["assign"]
        opening = find_next_assigned(filters, how, now=now)
        found = write_openings([opening] if opening else [], filters.service, now, is_assigned=how != Assign.NONE)
        return self.answer(found[0] if found else None, generated_at=now, calendars=calendars)


class ExplainQuery(Filters):
    """Which time, and of whom and where."""

    start_time = Moment(source="starts_at", help_text="The start of the opening that is asked about.")


def why():
    return serializers.ListField(
        child=serializers.ChoiceField([reason.value for reason in Reason]),
        help_text="None if it is open. A publishable key is told `taken` or `closed`, which stand for all of them.\n\n"
        + IN_MARKDOWN,
    )


class PlaceExplained(PlaceOutput):
    """Whether a time is open with one clinician at one location, and if not, why."""

    is_open = serializers.BooleanField()
    reasons = why()
    not_understood = serializers.ListField(
        child=serializers.CharField(),
        help_text="What calendars of the clinician or the location have on that date that was not understood, as "
        "sentences for staff; secret keys only.",
    )


class Explanation(serializers.Serializer):
    """Whether a time is open with anyone; ``places`` has the answer for each of them."""

    start_time = Moment(help_text="In UTC: the places may be in several time zones.")
    is_open = serializers.BooleanField()
    reasons = why()
    places = PlaceExplained(many=True)


def list_not_understood(calendars, place, starts_at):
    """Return the sentences about events of a place's calendars on a time's local date that were not understood."""
    local_date = starts_at.astimezone(place.zone).date()
    return [
        unread["message"]
        for calendar in calendars
        if place.clinician_id == calendar["clinician_id"] or place.location_id == calendar["location_id"]
        for unread in calendar["not_understood"] or []
        if unread["date"] == local_date
    ]


class Explain(AvailabilityView):
    """Whether a time is open, and if not, every reason why, clinician by clinician."""

    scopes = {"GET": ApiKey.Scope.READ_AVAILABILITY}

    @operation(name="explain_availability", query=ExplainQuery, output=Explanation, dated=True, tells_calendars=True)
    def get(self, request):
        (filters, calendars), now = self.read_filters(), timezone.now()
        starts_at = self.parameters["starts_at"]
        found = explain(filters, starts_at=starts_at, now=now)
        is_open = any(not reasons for reasons in found.values())
        reasons = set().union(*found.values()) if found else {Reason.NOT_OFFERED_HERE}
        tell = generalize if self.key.is_publishable else sorted
        return self.answer(
            {
                "start_time": starts_at,
                "is_open": is_open,
                "reasons": [] if is_open else tell(reasons),
                "places": [
                    write_place(place)
                    | {
                        "is_open": not reasons,
                        "reasons": tell(reasons),
                        "not_understood": list_not_understood(calendars, place, starts_at),
                    }
                    for place, reasons in found.items()
                ],
            },
            generated_at=now,
            calendars=calendars,
        )
