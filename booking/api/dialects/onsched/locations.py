"""Locations, and how long a hold lives there."""

from django.shortcuts import get_object_or_404

from scheduling.models import Location

from ....locations import change_location
from ..base import contract
from .base import Scope, View
from .inputs import LocationInput
from .outputs import write_location


class LocationEntry(View):
    """Read a location, or say how long a hold lives there from now on."""

    is_personal = False
    scopes = {"GET": Scope.READ_APPOINTMENT_TYPES, "PUT": Scope.WRITE_LOCATIONS}

    @contract()
    def get(self, request, id):
        return self.succeed(write_location(self.location(id)))

    @contract(body=LocationInput)
    def put(self, request, id):
        location = self.location(id)
        if changes := self.body():
            change_location(location, by=self.key.actor, **changes)
        return self.succeed(write_location(location))

    def location(self, id):
        locations = Location.objects.filter(is_active=True) if self.key.is_publishable else Location.objects
        return get_object_or_404(locations, pk=id)
