"""The verb of services, clinicians and locations that API clients have: what another system keeps with them."""

from datetime import datetime
from typing import Any

from django.db import transaction

from booking.domain.audit import record_event
from booking.domain.transitions import lock_row
from booking.models.enums import EventKind
from scheduling.lib.clock import database_now
from scheduling.lib.integration_fields import apply_changes
from scheduling.models import Clinician, Location, Service


@transaction.atomic
def change_integration_fields(
    thing: Service | Clinician | Location, *, actor: str, expected_version: datetime | None = None, **changes: Any
) -> None:
    """Change ``external_id`` or ``metadata``, which are merged; where neither changes, nothing happens.

    A location's event names which of them changed, not their values. Raises ChangedMeanwhile and TooMuchMetadata.
    """
    lock_row(thing, expected_version=expected_version)
    changed = apply_changes(thing, changes)
    if not changed:
        return
    thing.save(update_fields=[*changed, "updated_at"])
    if isinstance(thing, Location):
        record_event(thing, EventKind.LOCATION_UPDATED, actor=actor, at=database_now(), data={"changed": changed})
