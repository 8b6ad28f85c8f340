"""The sentences for what the clinic cannot do."""

from typing import NamedTuple

from scheduling.availability.search import Reason


class Refusal(NamedTuple):
    title: str
    sentences: list
    leads_to_times: bool = False  # where the page itself is not that of the times


TAKEN = Refusal("That time has just been taken", ["Somebody else was a moment quicker. Nothing is booked yet."])
BAD_TIME = Refusal("Which time was that?", ["That is not a time we know. Please choose one of these."])
EXPIRED = Refusal("This time is no longer held for you", ["If it is still free, you can hold it again."])
NO_MORE_TIME = Refusal(
    "It cannot be held any longer", ["Please finish before the time runs out. You can then try to hold it again."]
)

REFUSED = Refusal(
    "This time was refused",
    ["We have asked, and it cannot be had after all. Nothing is booked."],
    leads_to_times=True,
)
UNAVAILABLE = Refusal(
    "Nobody could confirm this just now",
    ["Nothing is booked yet. The time is still held for you: please try again in a moment."],
)

ARCHIVED = Refusal("This cannot be booked online", ["Please call the clinic: they have to look at your record first."])

REASONS = {
    Reason.NOT_OFFERED_HERE: "This is not offered by that clinician there.",
    Reason.TOO_SOON: "It is too soon now: the clinic needs a little notice.",
    Reason.TOO_FAR: "It is too far ahead: that day cannot be booked yet.",
    Reason.CLOSED: "There are no working hours then.",
    Reason.TIME_OFF: "The clinic is closed or the clinician is away then.",
    Reason.TAKEN: "It is taken.",
    Reason.HELD: "Somebody else is booking it right now.",
    Reason.CALENDAR_BUSY: "The clinician is busy then.",
    Reason.CALENDAR_UNREACHABLE: "We cannot be sure that the clinician is free then.",
}


def not_offered(error):
    """The Refusal for a NotOffered."""
    reasons = [REASONS[reason] for reason in REASONS if reason in error.reasons]
    return Refusal(
        "That time cannot be booked",
        list(dict.fromkeys(reasons)) or ["Please choose another one."],
        leads_to_times=True,
    )


def too_many_holds(error):
    """The Refusal for a TooManyHolds."""
    minutes = -(-error.retry_after // 60)
    if error.is_of_network:
        return Refusal(
            "Many people are booking from where you are",
            [f"Please try again in {minutes} minute{'' if minutes == 1 else 's'}, or call the clinic."],
        )
    return Refusal(
        "Too many times are held for you",
        [
            "Finish one of those bookings, or give one of those times back.",
            f"Or try again in {minutes} minute{'' if minutes == 1 else 's'}, when the first of them is free again.",
        ],
    )
