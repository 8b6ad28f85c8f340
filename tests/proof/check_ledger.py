"""What the log of events says by itself: who had which time when, and whether each thing's story is possible."""

from collections import defaultdict
from datetime import timedelta
from typing import NamedTuple

from tests.proof.evidence import as_seconds

FOREVER = float("inf")

# Of a hold and an appointment: what an event may come from and lead to. None: the state stays as it is.
STEPS = {
    "hold.placed": ("", "active"),
    "hold.extended": ("active", None),
    "hold.moved": ("active", None),
    "hold.released": ("active", "released"),
    "hold.expired": ("active", "expired"),
    "hold.confirmed": ("active", "confirmed"),
    "appointment.created": ("", "confirmed"),
    "appointment.rescheduled": ("confirmed", None),
    "appointment.cancelled": ("confirmed", "cancelled"),
}
ENDS = {"hold.released", "hold.expired", "appointment.cancelled"}


class Claim(NamedTuple):
    """A stretch of a clinician's time, buffers included, and from when until when a booking had it."""

    clinician: str
    start: float
    end: float
    since: float
    until: float
    booking: str


def check_overlaps(evidence):
    """Yield each pair of bookings that had a clinician's time at one moment, and what the slots say otherwise."""
    claims = defaultdict(list)
    for id, events in evidence.bookings.items():
        for claim in list_claims(id, events, evidence.services):
            claims[claim.clinician].append(claim)
    for group in claims.values():
        group.sort(key=lambda claim: claim.start)
        for number, one in enumerate(group):
            for other in group[number + 1 :]:
                if other.start >= one.end:
                    break
                if max(one.since, other.since) < min(one.until, other.until):
                    yield f"{one.booking} and {other.booking} both had time of a clinician: {one}, {other}"
    yield from _check_slots(evidence, [claim for group in claims.values() for claim in group])


def _check_slots(evidence, claims):
    live = {(claim.clinician, claim.start, claim.end) for claim in claims if claim.until > evidence.ended_at}
    taken = [
        (slot["clinician_id"], as_seconds(slot["from"]), as_seconds(slot["until"]))
        for slot in evidence.slots
        if slot["expires_at"] is None or as_seconds(slot["expires_at"]) > evidence.ended_at
    ]
    if len(taken) != len(set(taken)):
        yield f"{len(taken) - len(set(taken))} slots are there twice"
    for slot in live - set(taken):
        yield f"a booking has no slot: {slot}"
    for slot in set(taken) - live:
        yield f"a slot has no booking: {slot}"


def list_claims(id, events, services):
    """Yield the Claims of a booking, as its events tell them."""
    claim, limit = None, FOREVER
    is_created = any(event["kind"] == "appointment.created" for event in events)
    for event in events:
        kind, at = event["kind"], event["at"]
        if kind not in STEPS:
            continue
        if kind in ("hold.placed", "hold.moved", "appointment.rescheduled"):
            if claim:
                yield claim._replace(until=min(at, limit))
            claim = make_claim(id, event, services)
        elif kind in ENDS or (kind == "hold.confirmed" and not is_created):
            if claim:
                yield claim._replace(until=min(at, limit))
            claim = None
        limit = get_limit(event, limit)
    if claim:
        yield claim._replace(until=limit)


def make_claim(id, event, services):
    said = event["announcement"]
    service = services[said["appointment_type_id"]]
    start = as_seconds(said["start_time"]) - as_duration(service["buffer_before"])
    end = as_seconds(said["end_time"]) + as_duration(service["buffer_after"])
    return Claim(said["clinician_id"], start, end, event["at"], FOREVER, id)


def as_duration(text):
    """Return the seconds of "0:05:00"."""
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def get_limit(event, before):
    """Return until when a booking has its time by itself, after an event."""
    if event["kind"].startswith("hold.") and event["announcement"]:
        return as_seconds(event["announcement"]["expires_at"])
    return FOREVER if event["kind"] in ("hold.confirmed", "appointment.created") else before


def check_expiry(evidence):
    """Yield what was done with a hold after it had run out, and what ended as expired before it had."""
    for id, events in evidence.bookings.items():
        limit = FOREVER
        for event in events:
            kind, late = event["kind"], event["at"] - limit
            if kind in ("hold.confirmed", "hold.moved", "hold.extended", "hold.released") and late >= 0:
                yield f"{id}: {kind} {late:.6f} s after it had run out"
            if kind == "hold.expired" and late < 0:
                yield f"{id}: expired {-late:.6f} s too early"
            limit = get_limit(event, limit)


def check_stories(evidence):
    """Yield gaps in sequences, moves that are not allowed, and rows that are not as their last event says."""
    for id, events in evidence.events.items():
        if [event["sequence"] for event in events] != list(range(1, len(events) + 1)):
            yield f"{id}: the sequence has a gap or a repetition"
        times = [event["at"] for event in events]
        if times != sorted(times):
            yield f"{id}: a later event has an earlier time"
    for id, events in evidence.bookings.items():
        states = {"hold": "", "appointment": ""}
        for event in events:
            if event["kind"] not in STEPS:
                yield f"{id}: {event['kind']} is nothing that the clients ask for"
                continue
            what = event["kind"].partition(".")[0]
            before, after = STEPS[event["kind"]]
            if states[what] != before or (after and (event["from_status"], event["to_status"]) != (before, after)):
                yield f"{id}: {event['kind']} of what was {states[what] or 'not there'}"
            states[what] = after or states[what]
        for what, rows in (("hold", evidence.holds), ("appointment", evidence.appointments)):
            if (rows[id]["status"] if id in rows else "") != states[what]:
                yield f"{id}: the {what} is not {states[what] or 'missing'}, as its events say"
    for id in (evidence.holds.keys() | evidence.appointments.keys()) - evidence.events.keys():
        yield f"{id} is there without any event"
