"""Holds: place, read, extend, move, release, confirm. A key reaches only the holds it has placed."""

from functools import partial

from ..choosing import NotOffered, with_first_free
from ..holds import confirm_hold, extend_hold, hold_of, move_hold, place_hold, release_hold
from ..models import ApiKey, Hold
from .attendance import Attendance
from .base import ApiView
from .choosing import OpeningInput
from .inputs import Input
from .openings import offering_alternatives

WRITE = ApiKey.Scope.WRITE_HOLDS


class HoldView(ApiView):
    """What the endpoints of one hold share."""

    scopes = {"POST": WRITE}

    def hold(self, id):
        return hold_of(self.key.actor, id)


def opening_of(hold):
    return {"service": hold.service, "starts_at": hold.starts_at, "location": hold.location}


class Holds(HoldView):
    """Place a hold."""

    def post(self, request):
        opening = self.body(OpeningInput)["opening"]
        service = opening["service"]
        if self.key.is_publishable and not service.is_online_bookable:
            raise NotOffered(["not-offered-here"])
        place = partial(
            place_hold, service=service, holder=self.key.actor, by=self.key.actor, most=self.key.most_live_holds
        )
        with offering_alternatives(opening):
            hold = with_first_free(place, **opening)
        return self.answer_hold(hold, 201, Location=request.build_absolute_uri(f"{request.path}/{hold.pk}"))


class HoldEntry(HoldView):
    """Read or release a hold."""

    scopes = {"GET": WRITE, "DELETE": WRITE}

    def get(self, request, id):
        return self.answer_hold(self.hold(id))

    def delete(self, request, id):
        hold = self.hold(id)
        release_hold(hold, by=self.key.actor)
        return self.answer_hold(hold)


class HoldExtend(HoldView):
    """Give a hold its full time again, ten times at most."""

    def post(self, request, id):
        self.body(Input)
        hold = self.hold(id)
        with offering_alternatives(opening_of(hold)):
            extend_hold(hold, by=self.key.actor, if_unchanged=self.expected_version(hold))
        return self.answer_hold(hold)


class HoldMove(HoldView):
    """Hold another time instead. If that cannot be had, the old one is still held."""

    def post(self, request, id):
        hold = self.hold(id)
        opening = self.body(OpeningInput, service=hold.service)["opening"]
        move = partial(move_hold, hold, by=self.key.actor, if_unchanged=self.expected_version(hold))
        with offering_alternatives(opening):
            with_first_free(move, **opening)
        return self.answer_hold(hold)


class HoldConfirm(HoldView):
    """Make a hold an appointment. Confirming again answers 200 with the same one."""

    is_personal = True

    def post(self, request, id):
        hold = self.hold(id)
        fields = self.body(Attendance, key=self.key)
        status = 200 if hold.status == Hold.Status.CONFIRMED else 201
        with offering_alternatives(opening_of(hold)):
            appointment = confirm_hold(hold, by=self.key.actor, **fields)
        return self.answer_appointment(appointment, status)
