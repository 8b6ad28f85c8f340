"""Words that all kinds of calendars share: why one could not be read, and which of its events are our own."""


class CannotRead(Exception):
    """The calendar could not be read."""

    # The docstring is the sentence that staff read. It never has an address or an event's words in it.

    @property
    def sentence(self):
        return self.__doc__.partition("\n")[0]


class Refused(CannotRead):
    """The calendar's server did not give it."""

    SENTENCES = {
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
    def sentence(self):
        return self.SENTENCES.get(self.status, f"The calendar's server answered {self.status} instead of the calendar.")


class TooManyRedirects(CannotRead):
    """The calendar's server sends us from one address to the next."""


class TooLarge(CannotRead):
    """The calendar is larger than 20 MB."""


class NotACalendar(CannotRead):
    """What its address answers is not a calendar, or only the beginning of one."""


class NotUnderstood(CannotRead):
    """The calendar has an event that cannot be understood."""

    def __init__(self, day=None):
        self.day = day  # on which it begins, where that much can be read
        super().__init__(day)

    @property
    def sentence(self):
        return f"The calendar has an event, on {self.day}, that cannot be understood." if self.day else self.__doc__


class TooMuch(CannotRead):
    """The calendar has more events than can be counted in a reasonable time."""


class NoTime(CannotRead):
    """There was no answer in time, or none that could be read."""


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
