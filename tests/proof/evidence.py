"""What a run has left on disk, read for the checker."""

from collections import defaultdict
from datetime import datetime

from tests.proof.history import REFUSED, read_history, read_rows

# Refusals that are not kept for a key: the same request may be answered differently later.
NEVER_KEPT = {400, 401, 403, 412, 413, 415, 429}


class Evidence:
    """The history of a run, the rows of its database, and what its receivers got. All times are seconds."""

    def __init__(self, folder):
        self.requests = read_history(folder / "history.jsonl")
        self.holds = {row["id"]: row for row in read_rows(folder / "holds.jsonl")}
        self.appointments = {row["id"]: row for row in read_rows(folder / "appointments.jsonl")}
        self.services = {row["id"]: row for row in read_rows(folder / "services.jsonl")}
        self.slots, self.patients = read_rows(folder / "slots.jsonl"), read_rows(folder / "patients.jsonl")
        self.mails, self.deliveries = read_rows(folder / "mails.jsonl"), read_rows(folder / "deliveries.jsonl")
        [moment] = read_rows(folder / "moment.jsonl")
        self.ended_at = as_seconds(moment["now"])
        self.events = defaultdict(list)  # by subject, in their order
        for event in read_rows(folder / "events.jsonl"):
            event["at"] = as_seconds(event["created_at"])
            self.events[event["subject_id"]].append(event)
        for events in self.events.values():
            events.sort(key=lambda event: event["sequence"])
        self.by_key = defaultdict(list)
        for request in self.requests:
            self.by_key[request["verb"], request["key"]].append(request)
        # A key that was refused has done nothing, and never will.
        refused = {key for key, requests in self.by_key.items() if any(r["outcome"] == REFUSED for r in requests)}
        self.possible = defaultdict(list)  # by verb and subject, of a hold by its external id
        for request in self.requests:
            if (request["verb"], request["key"]) not in refused:
                subject = request["subject"] or request["body"]["external_id"]
                self.possible[request["verb"], subject].append(request)

    @property
    def bookings(self):
        """The events of holds and appointments, by subject."""
        return {id: events for id, events in self.events.items() if events[0]["subject_type"] == "booking"}


def as_seconds(text):
    return datetime.fromisoformat(text).timestamp()


def read_opening(said):
    """Return the clinician and the start that a body, an answer or an announcement says."""
    return said["clinician_id"], as_seconds(said["start_time"])
