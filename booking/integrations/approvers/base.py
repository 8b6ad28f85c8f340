"""The Approver protocol: who acknowledges an appointment. docs/providers.md has the other side's view."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from booking.models import Acknowledgement, Appointment, Hold, Provider
from patients.models import Patient


class NotAnswered(Exception):
    """The approver gave no answer, or none that can be understood. Its text has no address and no name."""


class Answer(NamedTuple):
    """What an approver says to a booking: confirmed, reserved, refused, or pending while it has not decided.

    ``reference`` is its own id for it.
    """

    status: str
    reference: str = ""


class Attendee(NamedTuple):
    """Who comes, as far as an approver must know."""

    name: str
    date_of_birth: date | None
    email: str
    phone: str

    @classmethod
    def from_patient(cls, patient: Patient, attendee: dict | None = None) -> "Attendee":
        """Return the Attendee for a Patient and perhaps {"name", "email", "phone"} of who comes in fact."""
        contact = attendee or patient.contact
        return cls(contact["name"], patient.date_of_birth, contact["email"], contact["phone"])


@dataclass(frozen=True)
class Request:
    """What an approver is asked for: a Hold or an Appointment as it is now, and who comes.

    ``version`` grows with each change of the booking: what is older than what the approver knows counts for nothing.
    """

    booking: Hold | Appointment
    attendee: Attendee
    version: int


class Approver(Protocol):
    """One kind of approver. ``kind`` is stored in Provider.kind, ``label`` is how admin names it.

    ``is_remote`` says that it is another system: it is asked outside any transaction, while the time is held, and
    asking again is the same as asking once. ``is_staff`` says that staff decide in admin, ``is_stand_in`` that nobody
    does in earnest, so that a client may have it decide.
    """

    kind: str
    label: str
    is_remote: bool
    is_staff: bool
    is_stand_in: bool = False

    def acknowledge(
        self, provider: Provider | None, booking: Hold, *, at: datetime, answer_within: timedelta | None = None
    ) -> Acknowledgement:
        """Return what becomes of a booking that is made ``at`` a time; never called where ``is_remote``."""
        ...

    def ask(self, provider: Provider, request: Request, *, timeout: float) -> Answer:
        """Have the approver take the booking as it is now; raises NotAnswered. Only called where ``is_remote``."""
        raise NotImplementedError

    def withdraw(self, provider: Provider, booking_id: UUID, *, version: int, timeout: float) -> None:
        """See to it that the approver does not have the booking; raises NotAnswered. Only where ``is_remote``."""
        raise NotImplementedError

    def forget(self, provider: Provider, booking_id: UUID, *, version: int, timeout: float) -> None:
        """Have the approver erase who came to a booking; raises NotAnswered. Only where ``is_remote``."""
        raise NotImplementedError

    def check(self, provider: Provider, *, timeout: float) -> None:
        """Raise NotAnswered unless the approver is there and takes our signature. Only where ``is_remote``."""
        raise NotImplementedError
