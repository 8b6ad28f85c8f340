"""Lab tests: the clinic's services."""

from django.http import Http404

from booking.api.answers import Answer
from booking.api.dialects.junction.base import Scope, View
from booking.api.dialects.junction.inputs import LabTestFilters, LabTestPage, LabTestQuery
from booking.api.dialects.views import operation
from booking.integrations.webhooks.junction.orders import get_service_method, write_lab_test
from scheduling.models import Service


class LabTestView(View):
    """What all endpoints of lab tests share. A publishable key is shown what it can hold."""

    is_personal = False
    scopes = {"GET": Scope.READ_APPOINTMENT_TYPES}

    def list_services(self, name="", collection_method=None, status=None, **page):
        """Return the services that are asked for; there are never so many that PostgreSQL should choose."""
        services = Service.objects.filter(name__icontains=name, is_private=False)
        if status:
            services = services.filter(is_active=status == "active") if status != "pending_approval" else ()
        return [
            service
            for service in services
            if self.may_see(service) and collection_method in (None, get_service_method(service))
        ]

    def may_see(self, service):
        return not self.key.is_publishable or (service.is_online_bookable and service.is_active)


class LabTests(LabTestView):
    """List all lab tests."""

    @operation(query=LabTestFilters)
    def get(self, request):
        return Answer([write_lab_test(service) for service in self.list_services(**self.parameters)])


class LabTestPages(LabTestView):
    """List lab tests in pages."""

    @operation(query=LabTestPage)
    def get(self, request):
        start, services = self.parameters["next_cursor"], self.list_services(**self.parameters)
        end = start + self.parameters["lab_test_limit"]
        return Answer(
            {
                "data": [write_lab_test(service) for service in services[start:end]],
                "next_cursor": str(end) if end < len(services) else None,
                "pricing": None,
            }
        )


class LabTestEntry(LabTestView):
    """Read a lab test."""

    @operation(query=LabTestQuery)
    def get(self, request, lab_test_id):
        service = Service.objects.filter(pk=lab_test_id).first()
        if service is None or not self.may_see(service):
            raise Http404
        return Answer(write_lab_test(service))
