"""Who must acknowledge an appointment: one module per kind of provider. See docs/providers.md.

Each has ``at_once(provider, booking, *, at, answer_within)``: the Acknowledgement of a booking that is made now,
or None where somebody must be asked first. One that asks another system has three functions more, as
upstream.py has: ``ask``, ``take_back`` and ``check``, which raise base.NotAnswered. They run outside any
transaction, and asking again and again is the same as asking once.
"""

from django.db import connection

from booking.integrations.approvers import clinic, staff, upstream
from booking.models import Provider

KINDS = {"clinic": clinic, "staff": staff, "upstream": upstream}


# By hand, for it is asked with every booking, and most clinics have no provider at all.
PROVIDER_OF = """
    SELECT provider.id
      FROM (SELECT provider_id, 1 AS rank FROM booking_provider_services WHERE service_id = %s
             UNION ALL
            SELECT provider_id, 2 FROM booking_provider_locations WHERE location_id = %s) AS named
      JOIN booking_provider AS provider ON provider.id = named.provider_id
     WHERE provider.is_active ORDER BY named.rank, provider.slug LIMIT 1
"""


def get_provider(service_id, location_id):
    """Return the Provider of a service at a location, or None where it is the clinic itself."""
    with connection.cursor() as cursor:
        cursor.execute(PROVIDER_OF, [service_id, location_id])
        row = cursor.fetchone()
    return row and Provider.objects.get(pk=row[0])


def get_approver(provider):
    """Return the module of a provider's kind; without a provider it is the clinic's."""
    return KINDS[provider.kind] if provider else clinic


def is_outside(provider):
    """Return whether a provider is another system, which has to be asked and told over the network."""
    return hasattr(get_approver(provider), "ask")
