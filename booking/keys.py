"""The verbs of an API key: create, find, rotate, revoke."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from .models import ApiKey

PREFIXES = {ApiKey.Kind.SECRET: "hf_sec_", ApiKey.Kind.PUBLISHABLE: "hf_pub_"}
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class InvalidKey(Exception):
    """The API key is missing, unknown, expired or revoked."""


def create_key(*, name, kind, scopes, **fields):
    """Write a key and return ``(ApiKey, key)``; the key itself can never be shown again.

    Raises ValidationError, for example for a publishable key with a scope only servers may have.
    """
    plain = PREFIXES[kind] + secrets.token_urlsafe(32)
    key = ApiKey(
        name=name, kind=kind, scopes=list(scopes), start=plain[:12], key_hash=hash_key(plain), **fields
    )
    key.full_clean()
    key.save(force_insert=True)
    return key, plain


def hash_key(plain):
    """Return the form in which a key is stored. It is random and long, so it needs no salt."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()


def find_key(plain):
    """Return the live key that ``plain`` is, in one query, or raise InvalidKey."""
    key = ApiKey.objects.filter(key_hash=hash_key(plain)).first()
    now = timezone.now()
    if key is None or not key.is_live(now):
        raise InvalidKey
    if key.last_used_at is None or key.last_used_at < now - USE_IS_NOTED_EVERY:
        # Of many requests at once only the first one writes.
        seen = ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at)
        seen.update(last_used_at=now)
    return key


@transaction.atomic
def rotate_key(key, *, overlap):
    """Return ``(ApiKey, key)`` that replaces ``key``, which still works for ``overlap`` (a timedelta)."""
    new, plain = create_key(
        name=key.name, kind=key.kind, scopes=key.scopes, holder=key.holder, allowed_origins=key.allowed_origins,
        requests_per_minute=key.requests_per_minute, most_live_holds=key.most_live_holds,
    )
    ends_at = timezone.now() + overlap
    ApiKey.objects.filter(pk=key.pk).update(expires_at=min(ends_at, key.expires_at or ends_at))
    return new, plain


def revoke_key(key):
    """Stop accepting a key from now on."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
