"""Words that all kinds of calendars share: why one could not be read, and which of its events are our own."""


class CannotRead(Exception):
    """A calendar could not be read; ``message`` tells staff why, without an address or an event's words."""

    message = "The calendar could not be read."


class Refused(CannotRead):
    """The calendar's server answered with ``status`` instead of the calendar."""

    MESSAGES = {
        401: "The calendar's server asks for another name or password.",
        403: "The calendar's server refuses to give it: perhaps it is no longer shared.",
        404: "There is no calendar at its address.",
        410: "There is no calendar at its address any more.",
        429: "The calendar's server asks us to come back later.",
    }

    def __init__(self, status):
        self.status = status
        super().__init__(status)

    @property
    def message(self):
        return self.MESSAGES.get(self.status, f"The calendar's server answered {self.status} instead of the calendar.")


class TooManyRedirects(CannotRead):
    """The calendar's server redirects more often than we follow."""

    message = "The calendar's server sends us from one address to the next."


class TooLarge(CannotRead):
    """The calendar exceeds the size limit."""

    message = "The calendar is larger than 20 MB."


class NotACalendar(CannotRead):
    """The answer is no iCalendar file, or a truncated one."""

    message = "What its address answers is not a calendar, or only the beginning of one."


class NotUnderstood(CannotRead):
    """The calendar has a malformed event; ``day`` is the date it starts on, where that much can be read."""

    def __init__(self, day=None):
        self.day = day
        super().__init__(day)

    @property
    def message(self):
        if self.day:
            return f"The calendar has an event, on {self.day}, that cannot be understood."
        return "The calendar has an event that cannot be understood."


class TooMuch(CannotRead):
    """The calendar has more events than the time limit lets us expand."""

    message = "The calendar has more events than can be counted in a reasonable time."


class NoTime(CannotRead):
    """The time for reading the calendar is used up."""

    message = "There was no answer in time, or none that could be read."


OURS = "holdfast"


def event_uid(thing_id, *, clinician_id):
    """Return the UID of what is written into a clinician's own calendar.

    It names the clinician: coming back in what that calendar says of them, it is not another engagement.
    In anybody else's calendar it is, and so is what another clinic's Holdfast has written.
    """
    return f"{thing_id}.{clinician_id}@{OURS}"


def is_own_uid(uid, *, clinician_id):
    """Return whether an event of the clinician's calendar was written there by event_uid."""
    return uid.strip().endswith(f".{clinician_id}@{OURS}")
