"""A model field for secrets that must be read again."""

import base64
import logging
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

logger = logging.getLogger(__name__)


class Unreadable(str):
    """An empty string in place of a text that no present key decrypts. Saving it keeps the ``stored`` ciphertext."""

    __slots__ = ("stored",)

    stored: str

    def __new__(cls, stored: str):
        _log_unreadable()
        empty = super().__new__(cls)
        empty.stored = stored
        return empty


class EncryptedField(models.TextField):
    """Text that is encrypted in the database, such as the password for another system. It cannot be searched.

    Encrypted with a key made of SECRET_KEY; one of SECRET_KEY_FALLBACKS still decrypts what was written before the key
    changed. Without either the value is Unreadable, so that one such row does not make the others fail.
    """

    def get_prep_value(self, value: str | None) -> str | None:
        if isinstance(value, Unreadable):
            return value.stored
        return value and encrypt(value)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        return decrypt(value)


def encrypt(text: str) -> str:
    """Return ``text`` encrypted with a key made of SECRET_KEY."""
    return _cipher().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Return what ``encrypt`` was given, or Unreadable if no present key decrypts it."""
    try:
        return _cipher().decrypt(text.encode()).decode()
    except InvalidToken:
        return Unreadable(text)


def _cipher():
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(sha256(b"encrypted field" + secret.encode()).digest())) for secret in secrets]
    )


@cache  # log once per process
def _log_unreadable():
    logger.error("An encrypted text cannot be read: SECRET_KEY_FALLBACKS lacks the SECRET_KEY it was written with.")
