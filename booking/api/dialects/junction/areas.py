"""Areas: which of the clinic's locations are near, and whether somebody visits the patient at home."""

from math import asin, cos, inf, radians, sin, sqrt

from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ValidationError

from booking.api.answers import Answer
from booking.api.dialects.junction.base import Scope, View
from booking.api.dialects.junction.inputs import AreaQuery, CenterQuery, OrderCenterQuery
from booking.api.dialects.junction.outputs import CAPABILITY, LAB_ID, LAB_SLUG, write_lab_location
from booking.api.dialects.junction.slots import get_service, list_near
from booking.api.dialects.views import operation
from booking.integrations.approvers import get_provider
from booking.integrations.webhooks.junction.appointments import get_provider_slug
from booking.models import Order

MAX_CENTERS = 30
EARTH_RADIUS = 3959  # miles


class AreaView(View):
    """What all endpoints of areas share."""

    is_personal = False
    scopes = {"GET": Scope.READ_AVAILABILITY}

    def list_near(self, kind, zip_code):
        """Return the service of a kind, or None, and the locations that offer it, the nearest first."""
        service = get_service(kind, key=self.key)
        return service, list_near(service, zip_code=zip_code) if service else []

    def answer_centers(self, found, capabilities=()):
        """Answer with ``(location, distance)`` of those that have all of the capabilities: each has the same one."""
        if set(capabilities) - {CAPABILITY}:
            found = []
        centers = [write_lab_location(location, distance) for location, distance in found[:MAX_CENTERS]]
        return Answer({"lab_id": LAB_ID, "slug": LAB_SLUG, "patient_service_centers": centers})


class Area(AreaView):
    """Say what there is near a zip code."""

    @operation(query=AreaQuery)
    def get(self, request):
        zip_code = self.parameters["zip_code"]
        service, near = self.list_near("phlebotomy", zip_code)
        providers = []
        if near:
            name = get_provider_slug(get_provider(service.pk, near[0].pk))
            providers.append({"name": name, "service_types": ["appointment-ready", "appointment-request"]})
        _, centers = self.list_near("psc", zip_code)
        details = {
            "appointment_with_vital": bool(centers),
            "within_radius": len(centers),
            "radius": "any",
            "capabilities": [CAPABILITY],
        }
        lab = {"patient_service_centers": details, "supported_bill_types": [], "lab_id": LAB_ID}
        return Answer(
            {
                "zip_code": zip_code,
                "phlebotomy": {"is_served": bool(near), "providers": providers},
                "central_labs": {LAB_SLUG: lab},
            }
        )


class Centers(AreaView):
    """List the locations near a zip code."""

    @operation(query=CenterQuery)
    def get(self, request):
        _, near = self.list_near("psc", self.parameters["zip_code"])
        return self.answer_centers([(location, None) for location in near], self.parameters.get("capabilities", ()))


class OrderCenters(AreaView):
    """List the locations near an order's address that offer its service."""

    is_personal = True
    scopes = {"GET": Scope.WRITE_ORDERS}

    @operation(query=OrderCenterQuery)
    def get(self, request, order_id):
        order = get_object_or_404(Order.objects.select_related("service"), pk=order_id)
        near = list_near(order.service, zip_code=order.postcode, city=order.city)
        found = [(location, measure_distance(order, location)) for location in near]
        if radius := self.parameters.get("radius"):
            if None in (order.latitude, order.longitude):
                raise ValidationError({"radius": "Where the order's address is, is not known."}, code="unsupported")
            found = [each for each in found if each[1] is not None and each[1] <= radius]
        # Those at an unknown distance come last, still in the order of their postcodes.
        found.sort(key=lambda each: inf if each[1] is None else each[1])
        return self.answer_centers(found, self.parameters.get("capabilities", ()))


def measure_distance(order, location):
    """Return the miles between an order's address and a location, or None if it is not known where one of them is."""
    degrees = (order.latitude, order.longitude, location.latitude, location.longitude)
    if None in degrees:
        return None
    north, east, other_north, other_east = map(radians, degrees)
    chord = sin((other_north - north) / 2) ** 2 + cos(north) * cos(other_north) * sin((other_east - east) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(chord))
