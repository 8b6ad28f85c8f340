"""Locations, and how long a hold lives there."""

from django.shortcuts import get_object_or_404

from booking.api.dialects.onsched.base import PageQuery, Scope, View
from booking.api.dialects.onsched.inputs import LocationInput
from booking.api.dialects.onsched.outputs import write_location
from booking.api.dialects.views import operation
from booking.domain.locations import change_location
from scheduling.models import Location


class Locations(View):
    """List the locations that are open for booking, the primary one first."""

    is_personal = False
    scopes = {"GET": Scope.READ_APPOINTMENT_TYPES}

    @operation(query=PageQuery)
    def get(self, request):
        return self.answer_page(Location.objects.filter(is_active=True).order_by("name", "pk"), write_location)


class LocationEntry(View):
    """Read a location, or say how long a hold lives there from now on."""

    is_personal = False
    scopes = {"GET": Scope.READ_APPOINTMENT_TYPES, "PUT": Scope.WRITE_LOCATIONS}

    @operation()
    def get(self, request, id):
        return self.succeed(write_location(self.location(id)))

    @operation(body=LocationInput)
    def put(self, request, id):
        location = self.location(id)
        if changes := self.body():
            change_location(location, actor=self.key.actor, **changes)
        return self.succeed(write_location(location))

    def location(self, id):
        locations = Location.objects.filter(is_active=True) if self.key.is_publishable else Location.objects
        return get_object_or_404(locations, pk=id)
