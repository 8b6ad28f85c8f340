"""What a calendar says, why it could not be read, and which of its events are our own."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from scheduling.availability.intervals import Interval


class NotUnderstood(NamedTuple):
    """An event that is not understood.

    ``fingerprint`` is a hash of its text. ``day`` is the local date that it blocks, the first of several; None if it
    has no readable start and blocks nothing.
    """

    fingerprint: str
    day: date | None


class BusyTimes(NamedTuple):
    """Busy time as merged intervals of instants, and the events that are not understood.

    The intervals include what those events could mean.
    """

    intervals: list[Interval]
    not_understood: list[NotUnderstood]


class CannotRead(Exception):
    """A calendar could not be read; ``message`` tells staff why, without an address or an event's words."""

    message: str = "The calendar could not be read."


class Refused(CannotRead):
    """The calendar's server answered with ``status`` instead of the calendar."""

    MESSAGES = {
        401: "The calendar's server asks for another name or password.",
        403: "The calendar's server refuses to give it: perhaps it is no longer shared.",
        404: "There is no calendar at its address.",
        410: "There is no calendar at its address any more.",
        429: "The calendar's server asks us to come back later.",
    }

    def __init__(self, status: int) -> None:
        self.status = status
        self.message = self.MESSAGES.get(status, f"The calendar's server answered {status} instead of the calendar.")
        super().__init__(status)


class TooManyRedirects(CannotRead):
    """The calendar's server redirects more often than we follow."""

    message = "The calendar's server sends us from one address to the next."


class TooLarge(CannotRead):
    """The calendar exceeds the size limit."""

    message = "The calendar is larger than 20 MB."


class UnknownEncoding(CannotRead):
    """The calendar is compressed in a way that we cannot undo."""

    message = "The calendar's server sends it compressed in a way that we did not ask for and do not know."


class NotACalendar(CannotRead):
    """The answer is no iCalendar file, or a truncated one."""

    message = "What its address answers is not a calendar, or only the beginning of one."


class TooMuch(CannotRead):
    """The calendar has more events than the time limit lets us expand."""

    message = "The calendar has more events than can be counted in a reasonable time."


class NoTime(CannotRead):
    """The time for reading the calendar is used up."""

    message = "There was no answer in time, or none that could be read."


UID_DOMAIN = "holdfast"


def make_event_uid(subject_id: UUID | str, *, clinician_id: UUID) -> str:
    """Return the UID of an event that we write into a clinician's own calendar.

    It names the clinician, so that the event does not count as busy time when that calendar is read. In another
    clinician's calendar it does count, and so does an event written by another clinic's Holdfast.
    """
    return f"{subject_id}.{clinician_id}@{UID_DOMAIN}"


def is_own_uid(uid: str, *, clinician_id: UUID) -> bool:
    """Return whether ``uid`` was made by make_event_uid for this clinician."""
    return uid.strip().endswith(f".{clinician_id}@{UID_DOMAIN}")
