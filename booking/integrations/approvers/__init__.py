"""Who must acknowledge an appointment: one module per kind of approver. docs/providers.md has the wire.

A new kind is a module with a class as base.Approver describes, and a line in APPROVERS.
"""

from uuid import UUID

from django.db import connection

from booking.integrations.approvers.base import Approver
from booking.integrations.approvers.clinic import ClinicApprover
from booking.integrations.approvers.staff import StaffApprover
from booking.integrations.approvers.stand_in import StandInApprover
from booking.integrations.approvers.upstream import UpstreamApprover
from booking.models import Provider

APPROVERS: dict[str, Approver] = {
    approver.kind: approver
    for approver in (
        ClinicApprover(),  # pyright: ignore[reportAbstractUsage]
        StaffApprover(),  # pyright: ignore[reportAbstractUsage]
        UpstreamApprover(),
        StandInApprover(),
    )
}

# By hand: it is asked with every booking, and most clinics have no provider at all.
RESPONSIBLE = """
    SELECT provider.id
      FROM (SELECT provider_id, 1 AS rank FROM booking_provider_services WHERE service_id = %s
             UNION ALL
            SELECT provider_id, 2 FROM booking_provider_locations WHERE location_id = %s) AS named
      JOIN booking_provider AS provider ON provider.id = named.provider_id
     WHERE provider.is_active ORDER BY named.rank, provider.slug LIMIT 1
"""


def get_provider(service_id: UUID, location_id: UUID) -> Provider | None:
    """Return the Provider of a service at a location, or None where it is the clinic itself."""
    with connection.cursor() as cursor:
        cursor.execute(RESPONSIBLE, [service_id, location_id])
        row = cursor.fetchone()
    return Provider.objects.get(pk=row[0]) if row else None


def get_approver(provider: Provider | None) -> Approver:
    """Return the Approver of a provider's kind; without a provider it is the clinic."""
    return APPROVERS[provider.kind if provider else ClinicApprover.kind]


def list_remote_kinds() -> list[str]:
    """Return the kinds of approver that are other systems."""
    return [kind for kind, approver in APPROVERS.items() if approver.is_remote]


def is_any_remote() -> bool:
    """Return whether another system is responsible for anything."""
    return Provider.objects.filter(is_active=True, kind__in=list_remote_kinds()).exists()
