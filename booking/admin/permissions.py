"""What the member of staff behind a request may see and do."""

from django.core.exceptions import PermissionDenied

from scheduling.models import Clinician


def get_actor(request):
    """Return the member of staff as events name them."""
    return f"staff:{request.user.pk}"


def has_appointment_permission(request, action):
    """Return whether the member of staff has ``booking.<action>_appointment``."""
    return request.user.has_perm(f"booking.{action}_appointment")


def get_own_clinician(request, permission):
    """Return the clinician that the member of staff is; raises PermissionDenied without one, or the permission."""
    clinician = Clinician.objects.filter(user=request.user.pk).first()
    if clinician is None or not request.user.has_perm(permission):
        raise PermissionDenied
    return clinician


def is_own_appointment(request, action, appointment):
    """Return whether it is with the member of staff, who has ``booking.<action>_appointment``: one for one's own."""
    return has_appointment_permission(request, action) and appointment.clinician.user_id == request.user.pk
