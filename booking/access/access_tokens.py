"""OAuth2 access tokens: an API key is the client, and a token may do for an hour what its key may (RFC 6749, 4.4)."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from booking.access.api_keys import InvalidKey, note_use
from booking.access.tokens import hash_token, new_token
from booking.models import AccessToken, ApiKey

PREFIX = "hf_tok_"
LIFETIME = timedelta(hours=1)


def issue_token(key: ApiKey, *, scopes: Iterable[str]) -> tuple[AccessToken, str]:
    """Create a token of a live key and return ``(AccessToken, token)``; only the hash of the token is stored.

    It lives for LIFETIME, and no longer than its key.
    """
    plain, now = PREFIX + new_token(), timezone.now()
    token = AccessToken.objects.create(
        token_hash=hash_token(plain),
        api_key=key,
        scopes=list(scopes),
        created_at=now,
        expires_at=min(now + LIFETIME, key.expires_at or now + LIFETIME),
    )
    return token, plain


def find_key_of_token(plain: str) -> ApiKey:
    """Return the live ApiKey of the token ``plain``, with the token's scopes, or raise InvalidKey."""
    token = AccessToken.objects.select_related("api_key").filter(token_hash=hash_token(plain)).first()
    now = timezone.now()
    if token is None or token.expires_at <= now or not token.api_key.is_live(now):
        raise InvalidKey
    key = token.api_key
    note_use(key, now)
    key.scopes = [scope for scope in token.scopes if scope in key.scopes]
    return key


def forget_expired_tokens() -> None:
    """Delete the tokens that have expired."""
    AccessToken.objects.filter(expires_at__lte=timezone.now()).delete()
