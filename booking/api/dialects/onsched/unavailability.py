"""What takes the time of resources."""

from django.utils import timezone

from booking.api.dialects.onsched.base import Scope, View
from booking.api.dialects.onsched.inputs import UnavailabilityQuery
from booking.api.dialects.onsched.outputs import write_busy
from booking.api.dialects.views import operation
from scheduling.availability.openings import as_instant
from scheduling.availability.queries import list_busy
from scheduling.models import Clinician, WorkingHours


class Unavailability(View):
    """List what takes the time of resources in a window, each stretch with its source; not who has taken it."""

    scopes = {"GET": Scope.READ_APPOINTMENTS}

    @operation(query=UnavailabilityQuery)
    def get(self, request):
        asked = self.parameters
        clinicians = Clinician.objects.filter(is_active=True)
        hours = WorkingHours.objects.filter(location__is_active=True)
        if ids := asked.get("clinicians"):
            clinicians = clinicians.filter(pk__in=ids)
        if service := asked.get("service"):
            clinicians = clinicians.filter(services=service)
        if locations := asked.get("locations"):
            hours = hours.filter(location__in=locations)
            clinicians = clinicians.filter(pk__in=hours.values("clinician"))
        clinician_ids = list(clinicians.values_list("pk", flat=True))
        location_ids = hours.filter(clinician__in=clinician_ids).values_list("location", flat=True)
        location_ids = {*location_ids, *(locations or ())}
        window = (as_instant(asked[name]) for name in ("start_at", "end_at"))
        busy = list_busy(clinician_ids, location_ids, *window, now=timezone.now())
        return self.succeed([write_busy(*stretch, is_location=stretch[2] in location_ids) for stretch in busy])
