"""What the member of staff behind a request may see and do."""


def get_actor(request):
    """Return the member of staff as events name them."""
    return f"staff:{request.user.pk}"


def has_appointment_permission(request, action):
    """Return whether the member of staff has ``booking.<action>_appointment``."""
    return request.user.has_perm(f"booking.{action}_appointment")
