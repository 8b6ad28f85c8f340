"""Phone numbers in requests, which must be valid where they are needed, or said to be meant as they are."""

from contextlib import suppress
from typing import Any

from rest_framework import serializers

from booking.api.serializers import Input
from scheduling.lib.phones import BadPhone, Phone, list_phone_countries, read_phone, split_phone

PHONE = (
    "With its country code, or as it is dialled at the location, else in the clinic's country. It must be a valid "
    "number there. An extension may follow: x204, or as RFC 3966 writes it. Without extension it is answered in "
    "E.164 (+442079460123), with one as RFC 3966 writes it (tel:+442079460123;ext=204)."
)
ATTENDEE_PHONE = "Kept like a patient's if it is a number; else as it is, such as ask at the desk."
UNCHECKED = "Take the number as it is, though there can be no such number. For secret keys only."


class PhoneInput(Input):
    """A body with a phone number, and perhaps ``phone_unchecked``, which does not exist for a publishable key."""

    def get_fields(self) -> Any:
        fields, key = super().get_fields(), self.context.get("key")
        if key and key.is_publishable:
            fields.pop("phone_unchecked", None)
        return fields

    def read_phone(self, fields: dict, *, stored: str) -> Phone | None:
        """Take the phone out of ``fields`` and return its Phone, or None if none was sent.

        One that equals the ``stored`` one is not judged again. Raises serializers.ValidationError.
        """
        is_checked = not fields.pop("phone_unchecked", False)
        typed = fields.pop("phone", None)
        if not typed:
            return None if typed is None else Phone("")
        if typed == stored:
            return split_phone(typed)
        try:
            return read_phone(typed, self.list_countries(), is_checked=is_checked)
        except BadPhone as error:
            names = {field.source: sent for sent, field in self.fields.items()}  # as they were sent
            raise serializers.ValidationError({names["phone"]: error.messages}, code="invalid") from error

    def read_attendee_phone(self, fields: dict) -> dict:
        """Return the fields with the attendee's phone as it is stored: a number, or whatever else was written."""
        with suppress(BadPhone):
            if typed := fields.get("attendee_phone"):
                return fields | {"attendee_phone": str(read_phone(typed, self.list_countries()))}
        return fields

    def list_countries(self) -> Any:
        """Return the countries that a number in this body may be of."""
        booking = self.context.get("booking")
        if booking is None and hasattr(self.root, "list_phone_countries"):
            return self.root.list_phone_countries()
        return list_phone_countries(booking and booking.location.country)


def list_countries_of_address(address: Any) -> list[str]:
    """Return the country of an address as it was sent, if it says one, and the clinic's."""
    country = address.get("country") if isinstance(address, dict) else None
    return list_phone_countries(country if isinstance(country, str) else None)
