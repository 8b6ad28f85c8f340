"""What a member of staff may see."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from booking.models import UNRESTRICTED, Appointment, Order


def visible_to(user: User | AnonymousUser, rows: QuerySet) -> QuerySet:
    """Narrow rows to those that a member of staff may see: a clinician sees only their own, few the restricted."""
    if rows.model in (Appointment, Order) and not user.has_perm("patients.view_restricted_patient"):
        rows = rows.filter(UNRESTRICTED)
    if issubclass(rows.model, Appointment) and not user.has_perm("booking.view_all_appointment"):
        rows = rows.filter(clinician__user=user.pk)
    return rows
