"""What the member of staff behind a request may see and do."""

from booking.models import UNRESTRICTED


def get_actor(request):
    """Return the member of staff as events name them."""
    return f"staff:{request.user.pk}"


def has_appointment_permission(request, action):
    """Return whether the member of staff has ``booking.<action>_appointment``."""
    return request.user.has_perm(f"booking.{action}_appointment")


def limit_to_unrestricted(request, rows):
    """Narrow appointments or orders to those of patients who are not restricted, unless staff may see these."""
    return rows if request.user.has_perm("patients.view_restricted_patient") else rows.filter(UNRESTRICTED)


def limit_to_visible(request, appointments):
    """Narrow appointments to those the member of staff may see: a clinician sees only their own, few the restricted."""
    appointments = limit_to_unrestricted(request, appointments)
    if has_appointment_permission(request, "view_all"):
        return appointments
    return appointments.filter(clinician__user=request.user.pk)
