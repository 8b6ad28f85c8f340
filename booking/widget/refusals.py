"""The widget's refusals: a title and sentences for each."""

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from scheduling.availability.search import Reason


class Refusal(NamedTuple):
    code: str  # of the API's problem, by which refusals are counted
    title: str
    sentences: list
    leads_to_times: bool = False  # on pages other than that of the times


TAKEN = Refusal(
    "slot-taken", _("That time has just been taken"), [_("Somebody else was a moment quicker. Nothing is booked yet.")]
)
BAD_TIME = Refusal(
    "invalid-booking-key", _("Which time was that?"), [_("That is not a time we know. Please choose one of these.")]
)
EXPIRED = Refusal(
    "hold-expired", _("This time is no longer held for you"), [_("If it is still free, you can hold it again.")]
)
NO_MORE_TIME = Refusal(
    "no-more-extensions",
    _("It cannot be held any longer"),
    [_("Please finish before the time runs out. You can then try to hold it again.")],
)

REFUSED = Refusal(
    "provider-refused",
    _("This time was refused"),
    [_("We asked, and the time is not available after all. Nothing is booked.")],
    leads_to_times=True,
)
UNAVAILABLE = Refusal(
    "provider-unavailable",
    _("Nobody could confirm this just now"),
    [_("Nothing is booked yet. The time is still held for you: please try again in a moment.")],
)

ARCHIVED = Refusal(
    "patient-archived",
    _("This cannot be booked online"),
    [_("Please call the clinic: they have to look at your record first.")],
)

NEW_PATIENTS_ONLY = Refusal(
    "not-offered",
    _("This is only for people who are new here"),
    [_("Please choose a service for people who have been here before.")],
)

REASONS = {
    Reason.NOT_OFFERED_HERE: _("This is not offered by that clinician there."),
    Reason.TOO_SOON: _("It is too soon now: the clinic needs a little notice."),
    Reason.TOO_FAR: _("It is too far ahead: that day cannot be booked yet."),
    Reason.CLOSED: _("There are no working hours then."),
    Reason.TIME_OFF: _("The clinic is closed or the clinician is away then."),
    Reason.HOLIDAY: _("The clinic is closed or the clinician is away then."),
    Reason.TAKEN: _("It is taken."),
    Reason.HELD: _("Somebody else is booking it right now."),
    Reason.CALENDAR_BUSY: _("The clinician is busy then."),
    Reason.CALENDAR_UNREACHABLE: _("We cannot be sure that the clinician is free then."),
}


NEEDS_LINK = Refusal(
    "needs-proof",
    _("Many people are booking from where you are"),
    [_("You can still book with a link that we send you by e-mail.")],
)

NOT_VERIFIED = Refusal(
    "not-verified",
    _("It was not confirmed in time"),
    [
        _("Sorry, nothing is booked, and the time is free again."),
        _("Your address is confirmed now: choose a time, and book it with the same address."),
    ],
)


def not_offered(error):
    """Return the Refusal for a NotOffered."""
    reasons = [REASONS[reason] for reason in REASONS if reason in error.reasons]
    return Refusal(
        "not-offered",
        _("That time cannot be booked"),
        list(dict.fromkeys(reasons)) or [_("Please choose another one.")],
        leads_to_times=True,
    )


def too_many_holds(error):
    """Return the Refusal for a TooManyHolds."""
    minutes = -(-error.retry_after // 60)
    sentence = ngettext(
        "Or try again in %(minutes)s minute, when the first of them is free again.",
        "Or try again in %(minutes)s minutes, when the first of them is free again.",
        minutes,
    )
    return Refusal(
        "too-many-holds",
        _("Too many times are held for you"),
        [
            _("Finish one of those bookings, or give one of those times back."),
            sentence % {"minutes": minutes},
        ],
    )
