"""Model fields."""

import base64
import logging
from functools import cache
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

logger = logging.getLogger(__name__)


class Unreadable(str):
    """An empty text, in place of one whose key nobody has any more; saved again, what was ``stored`` stays."""

    __slots__ = ("stored",)

    def __new__(cls, stored):
        _say_so()
        empty = super().__new__(cls)
        empty.stored = stored
        return empty


class EncryptedField(models.TextField):
    """Text that must be read again, such as another system's password: encrypted in the database.

    With a key made of SECRET_KEY, or one of SECRET_KEY_FALLBACKS for what was written before it changed; without
    either it is Unreadable, so that one such row keeps none of the others from being read. It cannot be searched for.
    """

    def get_prep_value(self, value):
        if isinstance(value, Unreadable):
            return value.stored
        return value and _cipher().encrypt(value.encode()).decode()

    def from_db_value(self, value, expression, connection):
        try:
            return value and _cipher().decrypt(value.encode()).decode()
        except InvalidToken:
            return Unreadable(value)


def _cipher():
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(sha256(b"encrypted field" + secret.encode()).digest())) for secret in secrets]
    )


@cache  # once is enough
def _say_so():
    logger.error("An encrypted text cannot be read: the SECRET_KEY of then is missing in SECRET_KEY_FALLBACKS.")
