"""A stand-in for another system: asked over HTTP like one, and a client may have it decide, to try things out."""

from booking.integrations.approvers.upstream import UpstreamApprover


class StandInApprover(UpstreamApprover):
    kind = "stand_in"
    label = "a stand-in for another system, to try things out: API clients can have it decide"
    is_stand_in = True
