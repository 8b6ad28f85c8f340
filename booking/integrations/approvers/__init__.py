"""Who must acknowledge an appointment: one module per kind of approver. docs/providers.md has the wire.

A new kind is a module with a class as base.Approver describes, and a line in APPROVERS.
"""

from collections.abc import Callable
from uuid import UUID

from booking.integrations.approvers.base import Approver
from booking.integrations.approvers.clinic import ClinicApprover
from booking.integrations.approvers.staff import StaffApprover
from booking.integrations.approvers.stand_in import StandInApprover
from booking.integrations.approvers.upstream import UpstreamApprover
from booking.models import Booking, Provider
from scheduling.lib.pipelined_postgresql import execute_later
from scheduling.lib.recent_results import RecentResults

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
    return _read_provider(execute_later(RESPONSIBLE, [service_id, location_id]))


def get_provider_later(booking: Booking) -> Callable[[], Provider | None]:
    """Have a booking's provider looked for with the next statement; return a function that returns it.

    Call that once the booking is as it is by then: at another location its provider is looked for once more.
    """
    location_id = booking.location_id
    cursor = execute_later(RESPONSIBLE, [booking.service_id, location_id])

    def get():
        is_there = booking.location_id == location_id
        return _read_provider(cursor) if is_there else get_provider(booking.service_id, booking.location_id)

    return get


def _read_provider(cursor):
    row = cursor.fetchone()
    return Provider.objects.get(pk=row[0]) if row else None


def get_approver(provider: Provider | None) -> Approver:
    """Return the Approver of a provider's kind; without a provider it is the clinic."""
    return APPROVERS[provider.kind if provider else ClinicApprover.kind]


def list_remote_kinds() -> list[str]:
    """Return the kinds of approver that are other systems."""
    return [kind for kind, approver in APPROVERS.items() if approver.is_remote]


# For a second nobody is asked for what another system has just become responsible for. Who confirms looks anew, behind
# the clinician's lock, and refuses it.
recent_remote: RecentResults[bool] = RecentResults(max_age=1)


def was_any_remote() -> bool:
    """Return whether another system was responsible for anything, as of a second ago at most."""
    return recent_remote.get(is_any_remote)


def is_any_remote() -> bool:
    """Return whether another system is responsible for anything."""
    return Provider.objects.filter(is_active=True, kind__in=list_remote_kinds()).exists()
