"""When a service can be booked, and with whom."""

from collections import defaultdict
from datetime import datetime

from django.utils import timezone

from booking.api.dialects.onsched.base import Scope, View
from booking.api.dialects.onsched.inputs import AvailabilityQuery
from booking.api.dialects.onsched.outputs import write_calendar, write_times
from booking.api.dialects.views import operation
from booking.api.from_replica import FromReplica
from booking.api.v1.calendars import read_calendars
from scheduling.availability.assignment import Assign, assign_clinicians
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import find_open_starts


class Availability(FromReplica, View):
    """The times at which a service can be booked at a location, and with whom."""

    is_personal = False
    scopes = {"GET": Scope.READ_AVAILABILITY}

    @operation(query=AvailabilityQuery)
    def get(self, request):
        asked = self.parameters
        service, location, how = asked["service"], asked["location"], Assign(asked["roundRobin"].lower())
        filters = OpeningFilters(service, clinician_ids=asked["clinicians"], location_id=location and location.pk)
        calendars = read_calendars(filters, sync_external=True, key=self.key) if asked["syncExternal"] else None
        now = timezone.now()
        free = defaultdict(dict)
        if location:
            found = find_open_starts(filters, start_at=asked["start_at"], end_at=asked["end_at"], now=now)
            for place, starts in assign_clinicians(found, how, now=now):
                for start in starts:
                    free[start][place.clinician_id] = None  # a set that keeps its order
        days, times = defaultdict(list), []
        for start in sorted(free):
            time = write_times(start, service.duration)
            days[datetime.fromtimestamp(start, location.zone).date().isoformat()].append(time)
            # Where one is assigned, it is one for each way to meet: in person and by video.
            resources = list(free[start])[: None if how == Assign.NONE else 1]
            times.append({**time, "ResourceIds": resources, "LocationId": location.pk})
        written = {"ServiceId": service.pk, "availableDays": days, "availableTimes": times}
        # Not those of a location's holidays: OnSched's are of resources.
        written_calendars = [write_calendar(each) for each in calendars or [] if each["clinician_id"]]
        more = {} if calendars is None else {"externalCalendars": written_calendars}
        return self.succeed(written, **more)
