"""What all kinds of provider have in common."""

from datetime import date
from typing import NamedTuple


class NotAnswered(Exception):
    """The provider gave no answer, or none that can be understood. Its text has no address and no name."""


class Answer(NamedTuple):
    """What a provider says to a booking: confirmed, reserved, refused, or pending while it has not decided.

    ``reference`` is its own id for it.
    """

    status: str
    reference: str = ""


class Attendee(NamedTuple):
    """Who comes, as far as a provider must know."""

    name: str
    date_of_birth: date | None
    email: str
    phone: str

    @classmethod
    def of(cls, patient, attendee=None):
        """Return the Attendee for a Patient and perhaps {"name", "email", "phone"} of who comes in fact."""
        contact = attendee or patient.contact
        return cls(contact["name"], patient.date_of_birth, contact["email"], contact["phone"])
