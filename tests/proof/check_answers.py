"""What clients were answered, against what is there: nothing is lost, nothing is made up, one key has one answer."""

from tests.proof.evidence import NEVER_KEPT, read_opening
from tests.proof.history import OK, REFUSED

ROUNDING = 0.001  # seconds


def check_kept(evidence):
    """Yield each acknowledged change that is not there."""
    for (verb, _), requests in evidence.by_key.items():
        request = next((request for request in requests if request["outcome"] == OK), None)
        if request:
            data, since = request["answer"]["data"], min(each["at"] for each in requests)
            if reason := MISS_BY_VERB[verb](evidence, request, data, since):
                yield f"{verb} {data['id']}: {reason}"


def miss_hold(evidence, request, data, since):
    if not was_at(evidence, data["id"], read_opening(request["body"]), since, request["until"]):
        return "was acknowledged, and the log does not have it"
    return None


def miss_confirm(evidence, request, data, since):
    row = evidence.appointments.get(request["subject"])
    if row is None:
        return "was acknowledged, and there is no appointment"
    if row["attendee_email"] != data["attendee_email"] or row["reference"] != data["reference"]:
        return "was acknowledged for somebody else, or under another reference"
    return None


def miss_cancel(evidence, request, data, since):
    row = evidence.appointments.get(request["subject"])
    return None if row and row["status"] == "cancelled" else "was acknowledged, and it is not cancelled"


def miss_release(evidence, request, data, since):
    row = evidence.holds.get(request["subject"])
    return None if row and row["status"] in ("released", "expired") else "was acknowledged, and it is still held"


MISS_BY_VERB = {
    "hold": miss_hold,
    "move": miss_hold,
    "release": miss_release,
    "confirm": miss_confirm,
    "reschedule": miss_hold,
    "cancel": miss_cancel,
}


def was_at(evidence, id, opening, since, until):
    """Return whether a booking was at an opening at some time between two."""
    places = [event for event in evidence.events.get(id, ()) if event["kind"] in PLACED]
    ends = [*(event["at"] for event in places[1:]), float("inf")][: len(places)]
    return any(
        read_opening(event["announcement"]) == opening and event["at"] <= until and end >= since
        for event, end in zip(places, ends, strict=True)
    )


PLACED = ("hold.placed", "hold.moved", "appointment.rescheduled")

# Which request causes an event.
CAUSES = {
    "hold.placed": "hold",
    "hold.moved": "move",
    "hold.released": "release",
    "hold.confirmed": "confirm",
    "appointment.created": "confirm",
    "appointment.rescheduled": "reschedule",
    "appointment.cancelled": "cancel",
}


def check_asked_for(evidence):
    """Yield what nobody asked for, or not by then, or was told would not be done."""
    for id, events in evidence.bookings.items():
        external_id = evidence.holds.get(id, {}).get("external_id")
        for event in events:
            verb = CAUSES.get(event["kind"])
            if verb is None:
                continue
            asked = evidence.possible[verb, external_id if verb == "hold" else id]
            asked = [request for request in asked if request["at"] <= event["at"] + ROUNDING]
            if event["kind"] in PLACED:
                where = read_opening(event["announcement"])
                asked = [request for request in asked if read_opening(request["body"]) == where]
            if not asked:
                yield f"{id}: nobody asked for {event['kind']} at {event['created_at']}"
    for id, row in evidence.appointments.items():
        if row["attendee_email"] not in {r["body"]["attendee_email"] for r in evidence.possible["confirm", id]}:
            yield f"{id}: nobody booked it for {row['attendee_email']}"
    sent = {request["body"]["patient"]["last_name"] for request in evidence.requests if request["verb"] == "confirm"}
    for patient in evidence.patients:
        if patient["last_name"] not in sent:
            yield f"patient {patient['id']}: nobody named them"


def check_one_answer(evidence):
    """Yield keys that have had two answers, or were done twice."""
    for (verb, key), requests in evidence.by_key.items():
        if verb == "release":
            continue  # keys are for what is posted; releasing again is no error
        answers = []
        for request in requests:
            is_kept = request["outcome"] == OK or request["status"] not in NEVER_KEPT
            answer = (request["status"], request["answer"])
            if request["outcome"] in (OK, REFUSED) and is_kept and answer not in answers:
                answers.append(answer)
        if len(answers) > 1:
            yield f"{verb} {key}: {len(answers)} answers, {[status for status, _ in answers]}"
    by_request = {}
    for id, hold in evidence.holds.items():
        if by_request.setdefault(hold["external_id"], id) != id:
            yield f"hold {hold['external_id']}: was placed twice, as {id} and {by_request[hold['external_id']]}"


def check_one_appointment(evidence):
    """Yield holds of which more than one appointment was made, or told of."""
    told = {}
    for request in evidence.requests:
        if request["verb"] == "confirm" and request["outcome"] == OK:
            data = request["answer"]["data"]
            told.setdefault(request["subject"], set()).add((data["id"], data["reference"], data["attendee_email"]))
    for hold, appointments in told.items():
        if len(appointments) > 1 or hold not in {id for id, *_ in appointments}:
            yield f"{hold}: confirming it was answered with {appointments}"
    for id, events in evidence.bookings.items():
        if [event["kind"] for event in events].count("appointment.created") > 1:
            yield f"{id}: was made an appointment twice"
    for id in evidence.appointments.keys() - evidence.holds.keys():
        yield f"{id}: is an appointment of no hold"
