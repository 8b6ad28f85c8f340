"""What can be booked and with whom: services and resources. A publishable key sees what patients could book."""

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404

from booking.api.dialects.onsched.base import Scope, View
from booking.api.dialects.onsched.inputs import CatalogueQuery
from booking.api.dialects.onsched.outputs import write_resource, write_service
from booking.api.dialects.views import operation
from scheduling.models import Clinician, ExtraHours, Service, WorkingHours
from scheduling.models.hours import list_workplaces


class CatalogueView(View):
    """What all of them share.

    Lists have what can be booked and is not private. That is read by its id, and by a secret key the rest, too.
    """

    is_personal = False
    scopes = {"GET": Scope.READ_APPOINTMENT_TYPES}


class ServiceView(CatalogueView):
    """What the endpoints of services share."""

    def services(self):
        clinicians = Prefetch("clinicians", Clinician.objects.filter(is_active=True))
        services = Service.objects.prefetch_related(clinicians).order_by("position", "name", "pk")
        return services.filter(is_active=True, is_online_bookable=True) if self.key.is_publishable else services


class Services(ServiceView):
    """List services: all, or those that a resource offers, and somebody at a location."""

    @operation(query=CatalogueQuery)
    def get(self, request, id=None):
        offered_by = Clinician.objects.filter(is_active=True)
        if resources := [*self.parameters.get("resources", []), *([id] if id else [])]:
            offered_by = offered_by.filter(pk__in=resources)
        if location := self.parameters.get("location"):
            offered_by = offered_by.filter(pk__in=list_workplaces("clinician", location=location))
        services = self.services().filter(is_active=True, is_private=False)
        if resources or location:
            services = services.filter(pk__in=offered_by.values("services"))
        return self.answer_page(services, write_service)


class ServiceEntry(ServiceView):
    """Read a service."""

    @operation()
    def get(self, request, id):
        return self.succeed(write_service(get_object_or_404(self.services(), pk=id)))


class ResourceView(CatalogueView):
    """What the endpoints of resources share."""

    def resources(self):
        services = Service.objects.filter(is_active=True, is_private=False)
        if self.key.is_publishable:
            services = services.filter(is_online_bookable=True)
        hours = [
            Prefetch("working_hours", WorkingHours.objects.filter(location__is_active=True)),
            Prefetch("extra_hours", ExtraHours.objects.filter(location__is_active=True)),
        ]
        clinicians = Clinician.objects.prefetch_related(Prefetch("services", services), *hours).order_by("name", "pk")
        return clinicians.filter(is_active=True) if self.key.is_publishable else clinicians


class Resources(ResourceView):
    """List resources: all, or those that offer a service, and those who work at a location."""

    @operation(query=CatalogueQuery)
    def get(self, request):
        resources = self.resources().filter(is_active=True)
        if ids := self.parameters.get("resources"):
            resources = resources.filter(pk__in=ids)
        if service := self.parameters.get("service"):
            resources = resources.filter(services=service)
        if location := self.parameters.get("location"):
            resources = resources.filter(pk__in=list_workplaces("clinician", location=location))
        return self.answer_page(resources, write_resource)


class ResourceEntry(ResourceView):
    """Read a resource."""

    @operation()
    def get(self, request, id):
        return self.succeed(write_resource(get_object_or_404(self.resources(), pk=id)))
