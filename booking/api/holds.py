"""Holds: place, read, extend, move, release, confirm. A key reaches only the holds it has placed."""

from functools import partial

from patients.records import PatientArchived
from scheduling.slots import SlotTaken

from ..asking import ProviderRefused, ProviderUnavailable
from ..booking_keys import InvalidBookingKey
from ..choosing import NotOffered, with_first_free
from ..client import hidden_network_of, holder_of
from ..holds import HoldExpired, TooManyExtensions, extend_hold, hold_of, move_hold, release_hold
from ..models import ApiKey
from ..placing import TooManyHolds, place_hold
from ..states import WrongState
from .asking import AskingView, PatienceInput
from .attendance import Attendance
from .base import ApiView
from .choosing import NewTimeInput, OpeningInput
from .contract import contract
from .fields import is_bookable
from .openings import offering_alternatives, opening_of
from .outputs import AppointmentOutput, HoldOutput

WRITE = ApiKey.Scope.WRITE_HOLDS


class HoldView(ApiView):
    """What the endpoints of one hold share."""

    tag = "Holds"
    scopes = {"POST": WRITE}
    output = HoldOutput

    def hold(self, id):
        return hold_of(self.key.actor, id)


def placing_for(view, service):
    """Return place_hold for a service, with what its key may; raises NotOffered where a visitor's may not."""
    key = view.key
    if not is_bookable(service, key):
        raise NotOffered(["not-offered-here"])
    return partial(
        place_hold, service=service, holder=key.actor, by=key.actor, most=key.most_live_holds,
        visitor=holder_of(view.request) if key.is_publishable else "",
        network=hidden_network_of(view.request) if key.is_publishable else "",
        most_a_minute=None if view.usage else key.requests_per_minute,  # while Redis does not count
    )


class Holds(HoldView):
    """Place a hold."""

    @contract(
        name="place_hold", body=OpeningInput, status=[201], has_etag=True, has_location=True,
        refusals=[SlotTaken, NotOffered, TooManyHolds, InvalidBookingKey],
    )
    def post(self, request):
        """Hold an opening.

        Name the service and the start, or send a booking key alone. Leave the clinician out and any who is
        free will do. Until ``expires_at`` nobody else can have that time.
        """
        opening = self.body()["opening"]
        place = placing_for(self, opening["service"])
        with offering_alternatives(opening):
            hold = with_first_free(place, **opening)
        return self.answer_hold(hold, 201, Location=request.build_absolute_uri(f"{request.path}/{hold.pk}"))


class HoldEntry(HoldView):
    """Read or release a hold."""

    scopes = {"GET": WRITE, "DELETE": WRITE}

    @contract(has_etag=True)
    def get(self, request, id):
        """Read a hold, and how many seconds are left."""
        return self.answer_hold(self.hold(id))

    @contract(name="release_hold", has_etag=True, heeds_if_match=True, refusals=[WrongState])
    def delete(self, request, id):
        """Give a held time back. One that has run out or was given back is fine."""
        hold = self.hold(id)
        release_hold(hold, by=self.key.actor, if_unchanged=self.expected_version(hold))
        return self.answer_hold(hold)


class HoldExtend(HoldView):
    """Give a hold its full time again, ten times at most."""

    @contract(has_etag=True, heeds_if_match=True, refusals=[HoldExpired, WrongState, TooManyExtensions])
    def post(self, request, id):
        self.body()
        hold = self.hold(id)
        with offering_alternatives(opening_of(hold)):
            extend_hold(hold, by=self.key.actor, if_unchanged=self.expected_version(hold))
        return self.answer_hold(hold)


class HoldMove(HoldView):
    """Hold another time instead. If that cannot be had, the old one is still held."""

    @contract(
        body=NewTimeInput, has_etag=True, heeds_if_match=True,
        refusals=[HoldExpired, WrongState, SlotTaken, NotOffered, InvalidBookingKey],
    )
    def post(self, request, id):
        hold = self.hold(id)
        opening = self.body(service=hold.service)["opening"]
        move = partial(move_hold, hold, by=self.key.actor, if_unchanged=self.expected_version(hold))
        with offering_alternatives(opening):
            with_first_free(move, moving=hold, **opening)
        return self.answer_hold(hold)


class ConfirmInput(Attendance, PatienceInput):
    """Who comes, and how long to wait for whoever must acknowledge it."""


class HoldConfirm(HoldView, AskingView):
    """Make a hold an appointment. Confirming again answers with the same one: 200, or 202 while it is pending.

    To a publishable key it then says who comes only if the same visitor asks; otherwise these members are empty.
    """

    is_personal = True

    @contract(
        body=ConfirmInput, output=AppointmentOutput, status=[201, 200, 202], has_etag=True, has_location=True,
        heeds_if_match=True, refusals=[HoldExpired, WrongState, PatientArchived, ProviderRefused, ProviderUnavailable],
    )
    def post(self, request, id):
        hold = self.hold(id)
        fields = self.body()
        try:
            return self.answer_booked(self.confirm(hold, only_once=True, **fields))
        except WrongState:  # it was confirmed before, perhaps a moment ago
            appointment = self.confirm(hold, **fields)
        is_somebody_elses = self.key.is_publishable and hold.visitor != holder_of(request)
        return self.answer_booked(appointment, is_new=False, hides_attendee=is_somebody_elses)
