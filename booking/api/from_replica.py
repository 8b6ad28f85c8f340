"""Endpoints that tell of free times, and may read them from a replica."""

from functools import partial

from booking.access import recent_writes
from booking.ops.replicas import read_from_replica


class FromReplica:
    """A mixin of an ApiView whose GET only reads, or reads calendars elsewhere first where it is asked to."""

    def answer_once(self, handler):
        answer = partial(super().answer_once, handler)
        if self.parameters.get("sync_external") or self.parameters.get("syncExternal"):
            try:
                return answer()
            finally:
                recent_writes.note(self.request)
        return read_from_replica(self.request, answer)
