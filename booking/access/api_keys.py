"""The verbs of an API key: create, find, rotate, revoke."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.access.tokens import hash_token, new_token
from booking.models import ApiKey
from scheduling.lib.compiled_queries import get_or_none

PREFIXES: dict[str, str] = {ApiKey.Kind.SECRET: "hf_sec_", ApiKey.Kind.PUBLISHABLE: "hf_pub_"}
USE_NOTE_INTERVAL = timedelta(minutes=1)

# The keys that this process has read last, by their hashes, and when. Only keys that exist are kept: they are few.
_recent: dict[bytes, tuple[float, ApiKey]] = {}


class InvalidKey(Exception):
    """No live API key matches what was sent."""

    message = _("The API key is missing, unknown, expired or revoked.")


def create_key(*, name: str, kind: str, scopes: Iterable[str], **fields: Any) -> tuple[ApiKey, str]:
    """Create a key and return ``(ApiKey, secret)``; only the hash of the secret is stored.

    Raises ValidationError, for example for a publishable key with a scope only servers may have.
    """
    key = ApiKey(name=name, kind=kind, scopes=list(scopes), **fields)
    plain = give_secret(key)
    key.full_clean()
    key.save(force_insert=True)
    return key, plain


def give_secret(key: ApiKey) -> str:
    """Set the hash and the start of an unsaved ApiKey and return its new random secret."""
    plain = PREFIXES[key.kind] + new_token()
    key.start, key.key_hash = plain[:12], hash_token(plain)
    return plain


def find_key(plain: str) -> ApiKey:
    """Return the live ApiKey of the secret ``plain``, in one query, or raise InvalidKey."""
    return _check(get_or_none(ApiKey, key_hash=hash_token(plain)))


def find_recent_key(plain: str) -> ApiKey:
    """Return what find_key does, from a row that may have been read API_KEY_CACHE_SECONDS ago."""
    key_hash, now = hash_token(plain), monotonic()
    read_at, key = _recent.get(key_hash, (0.0, None))
    if key is None or now - read_at >= settings.API_KEY_CACHE_SECONDS:
        key = get_or_none(ApiKey, key_hash=key_hash)
        if key is not None:
            _recent[key_hash] = now, key
    return _check(key)


def _check(key: ApiKey | None) -> ApiKey:
    now = timezone.now()
    if key is None or not key.is_live(now):
        raise InvalidKey
    note_use(key, now)
    return key


def note_use(key: ApiKey, now: datetime) -> None:
    """Store that a key is used, once in USE_NOTE_INTERVAL."""
    if key.last_used_at is None or key.last_used_at < now - USE_NOTE_INTERVAL:
        # Of concurrent requests only the first writes.
        seen = ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at)
        seen.update(last_used_at=now)
        key.last_used_at = now


@transaction.atomic
def rotate_key(key: ApiKey, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """Create a key that replaces ``key`` and return ``(ApiKey, secret)``; the old one works for ``overlap`` more.

    The new key has the same scopes, holds and lifetime. Raises InvalidKey for a key that is expired or revoked.
    """
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    now = timezone.now()
    if not key.is_live(now):
        raise InvalidKey
    new, plain = create_key(
        name=key.name,
        kind=key.kind,
        scopes=key.scopes,
        holder=key.holder,
        allowed_origins=key.allowed_origins,
        requests_per_minute=key.requests_per_minute,
        max_live_holds=key.max_live_holds,
        expires_at=now + (key.expires_at - key.created_at) if key.expires_at else None,
    )
    ends_at = now + overlap
    ApiKey.objects.filter(pk=key.pk).update(expires_at=min(ends_at, key.expires_at or ends_at))
    return new, plain


def revoke_key(key: ApiKey) -> None:
    """Stop accepting a key: at once, but for what find_recent_key has read. Idempotent."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
