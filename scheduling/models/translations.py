"""What a clinic writes about itself, in more than one language."""

from django.db import models
from django.utils.translation import get_language


class Translated(models.Model):
    """A row whose texts are written in the clinic's own language, and perhaps in others that patients can choose.

    ``translations`` has them by language and field: ``{"de": {"name": "Beratung"}}``.
    """

    # The fields that can be translated.
    TRANSLATED: tuple[str, ...] = ()

    translations = models.JSONField(default=dict, db_default={}, editable=False)  # pyright: ignore[reportCallIssue]

    class Meta:
        abstract = True

    def translate(self, name: str) -> str:
        """Return a field's text in the active language, or as the clinic has written it first."""
        return get_translation(self.translations, name) or getattr(self, name)


def get_translation(translations: dict, name: str) -> str:
    """Return a field's text in the active language, or "" where there is none."""
    return translations.get(get_language(), {}).get(name, "")
