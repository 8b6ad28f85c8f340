"""Who offers a service, and where: the names and zones a page of times needs, in one query."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduling.models import WorkingHours


class Place(NamedTuple):
    name: str
    zone: ZoneInfo


class Offer(NamedTuple):
    """``clinicians``: {id: name}; ``locations``: {id: Place}; ``ways``: {(location id, is_remote)}."""

    clinicians: dict
    locations: dict
    ways: set

    @property
    def places(self):
        """What “where” can be, as pairs of value and name."""
        visited = [location_id for location_id in self.locations if (location_id, False) in self.ways]
        places = [(str(location_id), self.locations[location_id].name) for location_id in visited]
        if any(is_remote for _, is_remote in self.ways):
            if len(places) > 1:
                places.append(("in-person", "In person, anywhere"))
            places.append(("video", "Video call"))
        return places

    @property
    def has_several_zones(self):
        return len({place.zone.key for place in self.locations.values()}) > 1

    def zone_of(self, location_id):
        return self.locations[location_id].zone


def offer_of(service, *, hold=None):
    """Return the service's Offer; the names of ``hold``, one's own, are always in it."""
    rows = WorkingHours.objects.filter(clinician__services=service, clinician__is_active=True, location__is_active=True)
    if service.mode != service.Mode.BOTH:
        rows = rows.filter(is_remote=service.mode == service.Mode.REMOTE)
    rows = rows.order_by("clinician__name", "location__name").values_list(
        "clinician_id", "clinician__name", "location_id", "location__name", "location__timezone", "is_remote"
    )
    offer = Offer({}, {}, set())
    for clinician_id, clinician, location_id, location, zone, is_remote in rows.distinct():
        offer.clinicians[clinician_id] = clinician
        offer.locations[location_id] = Place(location, ZoneInfo(zone))
        offer.ways.add((location_id, is_remote))
    if hold:
        offer.clinicians.setdefault(hold.clinician_id, hold.clinician.name)
        offer.locations.setdefault(hold.location_id, Place(hold.location.name, hold.location.zone))
    return offer
