"""Load who offers a service, and where: the names and zones of the page of times, in one query."""

from datetime import timedelta
from math import cos, hypot, radians
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from scheduling.models.hours import list_workplaces
from scheduling.models.translations import get_translation

FURTHEST = 1_000_000.0


class Place(NamedTuple):
    """``point`` is its latitude and longitude, in degrees, or None."""

    name: str
    zone: ZoneInfo
    city: str
    point: tuple[float, float] | None


class Offer(NamedTuple):
    """``clinicians``: {id: name}; ``locations``: {id: Place}; ``ways``: {(location id, is_remote)}."""

    clinicians: dict
    locations: dict
    ways: set

    @property
    def ways_to_meet(self):
        """The options of “where” other than places, as pairs of value and label."""
        if not any(is_remote for location_id, is_remote in self.ways):
            return []
        anywhere = [("in-person", _("In person, anywhere"))] if len(self.places) > 1 else []
        return [*anywhere, ("video", _("Video call"))]

    @property
    def places(self):
        """The places one can visit, as pairs of value and label, sorted by label."""
        visited = [location_id for location_id in self.locations if (location_id, False) in self.ways]
        return sorted(
            ((str(location_id), self.locations[location_id].name) for location_id in visited),
            key=lambda place: place[1].casefold(),
        )

    def has_where(self, where):
        """Return whether a value of “where” is one of the options."""
        return any(where == value for value, _ in [*self.ways_to_meet, *self.places])

    def get_zone(self, location_id):
        return self.locations[location_id].zone

    def rank_from(self, location_id, *, is_remote):
        """Return a function that ranks openings by how far they are from a place: 0 is there, or by video as well."""
        ranks = {} if is_remote else self._rank_places(location_id)

        def rank(opening):
            if opening.is_remote or is_remote:
                return 0 if opening.is_remote == is_remote else FURTHEST
            return ranks.get(opening.location_id, FURTHEST)

        return rank

    def _rank_places(self, location_id):
        """Return {location id: 0 for that one, 1 and more for others of its town, and more for others}."""
        here = self.locations.get(location_id)
        ranks = {
            other_id: 1 + get_distance(here, other) + (0 if here.city.casefold() == other.city.casefold() else 1000)
            for other_id, other in self.locations.items()
            if here
        }
        return ranks | {location_id: 0}


def get_offer(service, *bookings):
    """Return the service's Offer, with the clinicians and places of the patient's own ``bookings`` always in it."""
    rows = list_workplaces(
        "clinician_id",
        "clinician__name",
        "location_id",
        "location__name",
        "location__translations",
        "location__timezone",
        "location__city",
        "location__latitude",
        "location__longitude",
        "is_remote",
        from_day=timezone.now().date() - timedelta(days=1),  # it is yesterday somewhere
        clinician__services=service,
        clinician__is_active=True,
        location__is_active=True,
        is_remote__in=[way for way in (False, True) if service.allows(is_remote=way)],
    )
    offer = Offer({}, {}, set())
    for clinician_id, clinician, location_id, location, translations, zone, city, *point, is_remote in rows.order_by(
        "clinician__name", "location__name"
    ):
        name = get_translation(translations, "name") or location
        offer.clinicians[clinician_id] = clinician
        offer.locations[location_id] = Place(name, ZoneInfo(zone), city, read_point(*point))
        offer.ways.add((location_id, is_remote))
    for booking in bookings:
        if booking and booking.service_id == service.pk:
            offer.clinicians.setdefault(booking.clinician_id, booking.clinician.name)
            location = booking.location
            point = read_point(location.latitude, location.longitude)
            place = Place(location.translate("name"), location.zone, location.city, point)
            offer.locations.setdefault(booking.location_id, place)
            offer.ways.add((booking.location_id, booking.is_remote))
    return offer


def read_point(latitude, longitude):
    return None if latitude is None or longitude is None else (float(latitude), float(longitude))


def get_distance(here, there):
    """Return about how many degrees lie between two Places, 180 where that is not known."""
    if here.point is None or there.point is None:
        return 180.0
    [north, east], [other_north, other_east] = here.point, there.point
    around = abs(east - other_east)
    return hypot(north - other_north, min(around, 360 - around) * cos(radians(north)))
