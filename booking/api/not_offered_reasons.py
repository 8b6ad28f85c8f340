"""What each reason means why a time is not offered: for the problem's page and for OpenAPI."""

from scheduling.availability.search import Reason

REASONS = {
    Reason.NOT_OFFERED_HERE: "The service cannot be had with that clinician, at that location or in that way.",
    Reason.TOO_SOON: "It is in the past, or starts sooner than the service's booking notice allows.",
    Reason.TOO_FAR: "It is further ahead than the service can be booked.",
    Reason.CLOSED: "It is outside the working hours, too near their end, or between two of the service's starts.",
    Reason.TIME_OFF: "The clinician is away, or the location is closed that day.",
    Reason.HOLIDAY: "The location's holidays calendar says that it is closed that day.",
    Reason.TAKEN: "The clinician has an appointment then, or one so near that there is no time between.",
    Reason.HELD: "Somebody holds it; it may be free again soon.",
    Reason.CALENDAR_BUSY: "The clinician's own calendar says that they are busy.",
    Reason.CALENDAR_UNREACHABLE: "The clinician's own calendar could not be read, and without it nothing is offered.",
}
# What a publishable key is told, with which anybody may ask: not that somebody is away, or what their calendar says.
TAKEN = {Reason.TAKEN, Reason.HELD, Reason.CALENDAR_BUSY}
OF_SERVICE = {Reason.NOT_OFFERED_HERE, Reason.TOO_SOON, Reason.TOO_FAR}  # its rules, which its page tells everybody
IN_MARKDOWN = "\n".join(f"- `{reason}`: {meaning}" for reason, meaning in REASONS.items())


def generalize(reasons) -> list[Reason]:
    """Return the reasons as a publishable key is told them: ``taken``, ``closed``, or both."""
    return sorted({Reason.TAKEN if reason in TAKEN else Reason.CLOSED for reason in reasons})


def hide_absences(reasons) -> list[Reason]:
    """Return the reasons of a refusal as a publishable key is told them: the rules of the service as they are."""
    rules = OF_SERVICE & set(reasons)
    return sorted({*rules, *generalize(set(reasons) - rules)})
