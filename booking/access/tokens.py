"""Random bearer tokens, their hashes, and the keys that sign derived tokens."""

import hashlib
import secrets

from django.conf import settings


def new_token() -> str:
    """Return a random URL-safe token of 256 bits."""
    return secrets.token_urlsafe(32)


def signing_keys() -> list[str]:
    """Return the keys of valid signatures: SECRET_KEY and its fallbacks."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token, as stored. Tokens are long and random, so they need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
