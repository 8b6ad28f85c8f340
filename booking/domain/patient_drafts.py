"""The verbs of a patient draft: write, find, use. A page's visitor is nobody's patient before they book."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.access.tokens import hash_token
from booking.domain.counting import get_wait, lock_count
from booking.models import PatientDraft
from patients.models import Patient
from scheduling.lib.clock import database_now

LIFETIME = timedelta(hours=1)
MAX_LIVE_DRAFTS_PER_NETWORK = 100  # unused ones; a practice or a waiting room is behind one address


class DraftNotFound(Exception):
    """No draft has that id: it was used, is too old, or was written with another key or on another site."""

    message = _("Those details are not kept any more.")


class TooManyDrafts(Exception):
    """The network has as many unused drafts as it may; ``retry_after`` is in seconds."""

    message = _("So many people have been written down without a booking; book for one of them first.")

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


@transaction.atomic
def write_draft(candidate: Patient, *, holder: UUID, origin: str, network: str) -> tuple[PatientDraft, UUID]:
    """Keep an unsaved, validated Patient's details for an hour; return the draft and its id, shown only now.

    Only pages of ``origin`` with a key of ``holder`` can use it. Raises TooManyDrafts.
    """
    lock_count(f"drafts of {network}")
    now = database_now()
    live = PatientDraft.objects.filter(network=network, expires_at__gt=now)
    if wait := get_wait(MAX_LIVE_DRAFTS_PER_NETWORK, live.values_list("expires_at", flat=True), now=now):
        raise TooManyDrafts(wait)
    id = uuid4()
    draft = PatientDraft.objects.create(
        token_hash=hash_token(str(id)),
        api_key_holder=holder,
        origin=origin,
        network=network,
        created_at=now,
        expires_at=now + LIFETIME,
        **{name: getattr(candidate, name) for name in PatientDraft.DETAILS},
    )
    return draft, id


def find_draft(id: UUID, *, holder: UUID, origin: str | None) -> PatientDraft:
    """Return the draft with that id, if the same key has written it on the same site; raises DraftNotFound."""
    live = PatientDraft.objects.filter(api_key_holder=holder, origin=origin, expires_at__gt=database_now())
    draft = live.filter(token_hash=hash_token(str(id))).first()
    if draft is None:
        raise DraftNotFound
    return draft


def use_draft(draft: PatientDraft, *, at: datetime) -> None:
    """Delete a live draft in the transaction that books for it; raises DraftNotFound if another has been first."""
    if not PatientDraft.objects.filter(pk=draft.pk, expires_at__gt=at).delete()[0]:
        raise DraftNotFound


def forget_old_drafts() -> None:
    """Delete the drafts that nobody can use any more."""
    PatientDraft.objects.filter(expires_at__lte=database_now()).delete()
