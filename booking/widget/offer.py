"""Load who offers a service, and where: the names and zones of the page of times, in one query."""

from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from scheduling.models.hours import list_workplaces
from scheduling.models.translations import get_translation


class Place(NamedTuple):
    name: str
    zone: ZoneInfo


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

    def get_zone(self, location_id):
        return self.locations[location_id].zone


def get_offer(service, *bookings):
    """Return the service's Offer, with the clinicians and places of the patient's own ``bookings`` always in it."""
    rows = list_workplaces(
        "clinician_id",
        "clinician__name",
        "location_id",
        "location__name",
        "location__translations",
        "location__timezone",
        "is_remote",
        from_day=timezone.now().date() - timedelta(days=1),  # it is yesterday somewhere
        clinician__services=service,
        clinician__is_active=True,
        location__is_active=True,
        is_remote__in=[way for way in (False, True) if service.allows(is_remote=way)],
    )
    offer = Offer({}, {}, set())
    for clinician_id, clinician, location_id, location, translations, zone, is_remote in rows.order_by(
        "clinician__name", "location__name"
    ):
        offer.clinicians[clinician_id] = clinician
        offer.locations[location_id] = Place(get_translation(translations, "name") or location, ZoneInfo(zone))
        offer.ways.add((location_id, is_remote))
    for booking in bookings:
        if booking and booking.service_id == service.pk:
            offer.clinicians.setdefault(booking.clinician_id, booking.clinician.name)
            place = Place(booking.location.translate("name"), booking.location.zone)
            offer.locations.setdefault(booking.location_id, place)
            offer.ways.add((booking.location_id, booking.is_remote))
    return offer
