"""What takes the time of resources."""

from django.utils import timezone

from booking.api.dialects.onsched.base import Scope, View
from booking.api.dialects.onsched.inputs import UnavailabilityQuery
from booking.api.dialects.onsched.outputs import write_busy
from booking.api.dialects.views import operation
from scheduling.availability.openings import as_instant
from scheduling.availability.queries import list_busy
from scheduling.models import Clinician
from scheduling.models.hours import list_workplaces


class Unavailability(View):
    """List what takes the time of resources in a window, each stretch with its source; not who has taken it."""

    scopes = {"GET": Scope.READ_APPOINTMENTS}

    @operation(query=UnavailabilityQuery)
    def get(self, request):
        asked = self.parameters
        clinicians = Clinician.objects.filter(is_active=True)
        if ids := asked.get("clinicians"):
            clinicians = clinicians.filter(pk__in=ids)
        if service := asked.get("service"):
            clinicians = clinicians.filter(services=service)
        if locations := asked.get("locations"):
            there = list_workplaces("clinician", location__in=locations, location__is_active=True)
            clinicians = clinicians.filter(pk__in=there)
        clinician_ids = list(clinicians.values_list("pk", flat=True))
        workplaces = {"clinician__in": clinician_ids, "location__is_active": True}
        if locations:
            workplaces["location__in"] = locations
        location_ids = {*(id for [id] in list_workplaces("location", **workplaces)), *(locations or ())}
        window = (as_instant(asked[name]) for name in ("start_at", "end_at"))
        busy = list_busy(clinician_ids, location_ids, *window, now=timezone.now())
        return self.succeed([write_busy(*stretch, is_location=stretch[2] in location_ids) for stretch in busy])
