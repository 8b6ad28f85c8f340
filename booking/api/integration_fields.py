"""What other systems keep with a thing: its id there, and texts by their names. For secret keys only."""

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from booking.api.fields import Text
from booking.api.serializers import Input
from patients.text import clean_text, validate_printable
from scheduling.lib.integration_fields import (
    MAX_METADATA_BYTES,
    MAX_METADATA_KEY_LENGTH,
    MAX_METADATA_KEYS,
    MAX_METADATA_VALUE_LENGTH,
    TooMuchMetadata,
    merge_metadata,
)

# What a publishable key reads instead: everybody can read such a key.
HIDDEN = {"external_id": "", "metadata": {}}


class SecretKeyOnly:
    """A field that a publishable key may not send."""

    def run_validation(self, data=serializers.empty):
        if data is not serializers.empty and self.context["key"].is_publishable:
            raise serializers.ValidationError("Only a secret key may send this.", code="secret_key_only")
        return super().run_validation(data)  # pyright: ignore[reportAttributeAccessIssue]


class ExternalId(SecretKeyOnly, Text):
    """The id that a thing has in another system."""

    def __init__(self, **options):
        super().__init__(**{"max_length": 100, "required": False} | options)


class Metadata(SecretKeyOnly, serializers.Field):
    """Texts by their names; null or an empty text removes one."""

    default_error_messages = {
        "type": "This must be an object of texts.",
        "repeated": "Each name may be there only once.",
        "too_many": f"There may be {MAX_METADATA_KEYS} names at most.",
        "key": f"A name has 1 to {MAX_METADATA_KEY_LENGTH} characters.",
        "value": f"A text has {MAX_METADATA_VALUE_LENGTH} characters at most.",
        "unprintable": "Names and texts have no NUL, and nothing that turns text around.",
        "too_large": f"All together may have {MAX_METADATA_BYTES:,} bytes as JSON.",
    }

    def to_internal_value(self, data):
        if not isinstance(data, dict) or not all(isinstance(value, str | None) for value in data.values()):
            self.fail("type")
        if getattr(data, "repeated", ()):
            self.fail("repeated")
        if len(data) > MAX_METADATA_KEYS:
            self.fail("too_many")
        cleaned = {clean_text(key): value and clean_text(value, lines=True) for key, value in data.items()}
        if len(cleaned) < len(data):
            self.fail("repeated")
        for key, value in cleaned.items():
            self.check_pair(key, value or "")
        try:
            merge_metadata({}, cleaned)
        except TooMuchMetadata:
            self.fail("too_large")
        return cleaned

    def check_pair(self, key, value):
        if not 1 <= len(key) <= MAX_METADATA_KEY_LENGTH:
            self.fail("key")
        if len(value) > MAX_METADATA_VALUE_LENGTH:
            self.fail("value")
        try:
            validate_printable(key)
            validate_printable(value)
        except DjangoValidationError:
            self.fail("unprintable")

    def to_representation(self, value):
        return value


class IntegrationInput(Input):
    """What another system keeps with the thing."""

    external_id = ExternalId(allow_blank=True, help_text="Its id in another system.")
    metadata = Metadata(
        required=False,
        help_text="Whatever another system keeps with it. What is sent is merged with what is there; null or an empty "
        "text removes a name.",
    )
