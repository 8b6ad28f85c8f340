"""The countries that a phone number without country code may be of."""

from django.conf import settings

from scheduling.models import Location


def list_phone_countries(location: Location | None = None) -> list[str]:
    """Return the country of the location, if it is known, and the clinic's."""
    return [*([location.country] if location else []), settings.DEFAULT_PHONE_REGION]
