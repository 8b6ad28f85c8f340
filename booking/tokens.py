"""Random texts that open something to whoever shows them: keys, and the secrets in private addresses."""

import hashlib
import secrets


def new_token():
    """Return a random text of 256 bits, fit for an address."""
    return secrets.token_urlsafe(32)


def hash_token(token):
    """Return the form in which a token is stored. It is random and long, so it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
