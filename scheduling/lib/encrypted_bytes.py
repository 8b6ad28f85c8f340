"""Bytes that are encrypted on the way of every booking, such as answers: AES-GCM, a few microseconds."""

import secrets
from functools import cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12


class UnreadableBytes(Exception):
    """The bytes were changed, belong elsewhere, or no present key decrypts them."""


def encrypt(data: bytes, *, belongs_to: bytes) -> bytes:
    """Encrypt with a key made of SECRET_KEY; ``belongs_to`` is what must be said again to decrypt."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, data, belongs_to)


def decrypt(encrypted: bytes, *, belongs_to: bytes) -> bytes:
    """Decrypt with SECRET_KEY or one of SECRET_KEY_FALLBACKS; raises UnreadableBytes."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(secret).decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], belongs_to)
        except (InvalidTag, ValueError):  # ValueError: too short to have a nonce
            pass
    raise UnreadableBytes


@cache
def _cipher(secret):
    return AESGCM(sha256(b"encrypted bytes" + secret.encode()).digest())
