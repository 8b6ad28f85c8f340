"""Secret texts that open something to whoever shows them: random ones, and what signs those that are not."""

import hashlib
import secrets

from django.conf import settings


def new_token():
    """Return a random text of 256 bits, fit for an address."""
    return secrets.token_urlsafe(32)


def signing_keys():
    """Return what a signature of ours may have been made with: today's SECRET_KEY, and those before it."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def hash_token(token):
    """Return the form in which a token is stored. It is random and long, so it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
