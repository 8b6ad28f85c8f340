"""How openings are written: in availability, and as the alternatives of a refusal."""

from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from django.utils import timezone
from rest_framework import serializers

from booking.access.booking_keys import Signer
from booking.api.fields import Moment
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import HoldExpired
from scheduling.availability.queries import OpeningFilters, Place
from scheduling.availability.search import find_nearest_openings
from scheduling.lib.compiled_queries import get_or_none
from scheduling.lib.recent_results import RecentResults
from scheduling.models import Clinician, Location
from scheduling.slots import SlotTaken


class PlaceOutput(serializers.Serializer):
    """With whom, where and how."""

    clinician_id = serializers.UUIDField()
    clinician_name = serializers.CharField()
    location_id = serializers.UUIDField()
    location_name = serializers.CharField()
    timezone = serializers.CharField(help_text="The location's, such as Europe/London.")
    is_remote = serializers.BooleanField(help_text="By video.")


class OpeningOutput(PlaceOutput):
    """A time that can be booked, told in the location's time; ``booking_key`` alone is enough to book it."""

    # This says how openings look. Thousands are written by the functions below, without a serializer for each.

    start_time = Moment()
    end_time = Moment()
    booking_key = serializers.CharField()


def write_times(start, zone, duration):
    """Return {start_time, end_time} in the location's time; ``duration`` is a timedelta."""
    # The end is elapsed time later, not wall time: the clock may change in between.
    end = start + int(duration.total_seconds())
    return {
        "start_time": datetime.fromtimestamp(start, zone).isoformat(),
        "end_time": datetime.fromtimestamp(end, zone).isoformat(),
    }


def write_place(place):
    """Return the members of an opening that say who, where and how."""
    return {
        "clinician_id": place.clinician_id,
        "clinician_name": place.clinician_name,
        "location_id": place.location_id,
        "location_name": place.location_name,
        "timezone": place.zone.key,
        "is_remote": place.is_remote,
    }


def get_signer(service, place, now, *, is_assigned=False):
    """Return what signs the booking keys of a service at a Place, whose clinician we have chosen if it is_assigned."""
    return Signer(
        service_id=service.pk,
        clinician_id=place.clinician_id,
        location_id=place.location_id,
        is_remote=place.is_remote,
        is_assigned=is_assigned,
        now=now,
    )


def write_openings(openings, service, now, *, is_assigned=False):
    """Return a few openings with all their members."""
    clinicians = {id: get_or_none(Clinician, id=id) for id in {opening.clinician_id for opening in openings}}
    locations = {id: get_or_none(Location, id=id) for id in {opening.location_id for opening in openings}}
    written = []
    for start, _, clinician_id, location_id, is_remote in openings:
        location = locations[location_id]
        place = Place(clinician_id, clinicians[clinician_id].name, location_id, location.name, is_remote, location.zone)
        written.append(
            write_times(start, place.zone, service.duration)
            | write_place(place)
            | {"booking_key": get_signer(service, place, now, is_assigned=is_assigned).sign(start)}
        )
    return written


@contextmanager
def offering_alternatives(opening):
    """Raise SlotTaken and HoldExpired with the three openings nearest to what could not be had."""
    try:
        yield
    except (SlotTaken, HoldExpired) as error:
        alternatives = _write_alternatives(opening)
        if isinstance(error, HoldExpired):
            raise HoldExpired(error.hold, alternatives) from error
        raise SlotTaken(alternatives) from error


# Of a hundred who want one time ninety-nine are told the same. What was taken since can be told for a second.
recent_alternatives = RecentResults(max_age=1, max_size=100)


def _write_alternatives(opening):
    location_id, now = opening.location and opening.location.pk, timezone.now()

    def write():
        filters = OpeningFilters(opening.service, location_id=location_id)
        return write_openings(find_nearest_openings(filters, near=opening.starts_at, now=now), opening.service, now)

    # By the second too: while one thread computes, the others wait, and are told nothing older.
    return recent_alternatives.get(write, (opening.service.pk, location_id, opening.starts_at, int(monotonic())))


def get_opening(hold):
    """Return what a hold holds, for offering_alternatives."""
    return OpeningRequest(hold.service, hold.starts_at, location=hold.location)
