"""The slots of a service: which service and which location an address means, and what is free there."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from os.path import commonprefix

from django.utils import timezone

from booking.access.booking_keys import LIFETIME, Signer
from booking.api.dialects.junction.outputs import write_center, write_start
from booking.integrations.webhooks.junction.appointments import write_moment
from scheduling.availability.queries import OpeningFilters, load_hours
from scheduling.availability.search import find_open_starts
from scheduling.models import Location, Service

KINDS = ["phlebotomy", "psc"]
DAY, DAYS = timedelta(days=1), 7


def get_service(slug, *, key):
    """Return the service that is meant where none is named, or None.

    It is the one with that slug, else one with the slug of the other kind, else the first that is given in person; a
    publishable key is offered only what it can hold.
    """
    services = Service.objects.filter(is_active=True, is_private=False).exclude(mode=Service.Mode.REMOTE)
    if key.is_publishable:
        services = services.filter(is_online_bookable=True)
    return services.filter(slug=slug).first() or services.filter(slug__in=KINDS).first() or services.first()


def free_at_locations(service, *, start_date, now):
    """Return ``{Location: {start: how many are free then}}`` for a week; who is seen by video does not count.

    ``start_date`` is a date of each location; None is from now on.
    """
    free = defaultdict(Counter)
    start_at, end_at = now, now + DAYS * DAY
    if start_date:
        start_at, end_at = start_date, start_date + (DAYS - 1) * DAY  # that day included
    found = find_open_starts(OpeningFilters(service, is_remote=False), start_at=start_at, end_at=end_at, now=now)
    for place, starts in found:
        free[place.location_id].update(starts)
    locations = Location.objects.in_bulk(list(free))
    return {locations[location_id]: starts for location_id, starts in free.items()}


def list_near(service, *, zip_code="", city=""):
    """Return the locations at which a service is given in person, the nearest first."""
    yesterday = timezone.now().date() - DAY  # which today is somewhere
    hours = load_hours(OpeningFilters(service, is_remote=False), first=yesterday)
    found = {place.location_id for place in hours}
    free = dict.fromkeys(Location.objects.in_bulk(list(found)).values(), ())
    return nearest_first(free, zip_code=zip_code, city=city)


def nearest_first(free, *, zip_code="", city=""):
    """Return locations in the order of how much the beginning of their postcode has in common with a zip code.

    ``free`` is what free_at_locations returns: where the address says nothing, the one with the most comes first.
    """

    def rank(location):
        same = commonprefix([plain(location.postcode), plain(zip_code)])  # noqa: RUF071 (of characters is meant)
        return -len(same), plain(location.city) != plain(city), -len(free[location]), location.name

    return sorted(free, key=rank)


def plain(text):
    """Return text as it is compared."""
    return text.replace(" ", "").lower()


def write_days(service, location, free, *, now, names_location):
    """Return the slots at a location, grouped by its local dates."""
    sign = Signer(service_id=service.pk, clinician_id=None, location_id=location.pk, is_remote=False, now=now).sign
    expires_at, length = write_moment(now + LIFETIME), int(service.duration.total_seconds())
    center = write_center(location) if names_location else None
    days = defaultdict(list)
    for start in sorted(free):
        day = datetime.fromtimestamp(start, UTC).astimezone(location.zone).date()
        days[day.isoformat()].append(
            {
                "booking_key": sign(start),
                "start": write_start(start),
                "end": write_start(start + length),
                "expires_at": expires_at,
                "price": float(service.price),
                "is_priority": False,
                "num_appointments_available": free[start],
            }
        )
    return [{"location": center, "date": day, "slots": slots} for day, slots in days.items()]
