"""The checker finds every kind of broken promise, in a history of one booking that is right before it is changed."""

import json

import pytest

from tests.proof.checker import INVARIANTS, check

OVERLAP, LOST, MADE_UP, TWO_ANSWERS, TWO_APPOINTMENTS, TOO_LATE, MESSAGES, STORY = INVARIANTS

DAY = "2030-05-06T"
PLACE = {"clinician_id": "dana", "appointment_type_id": "consultation"}
OPENING = {"clinician_id": "dana", "start_time": f"{DAY}09:00:00+00:00"}
MOVED = {"clinician_id": "dana", "start_time": f"{DAY}11:00:00+00:00"}
ALICE = {"last_name": "Archer"}


def event(sequence, kind, at, before="", after="", *, hour=9, **said):
    announcement = {
        **PLACE,
        "id": "visit",
        "start_time": f"{DAY}{hour:02}:00:00+00:00",
        "end_time": f"{DAY}{hour:02}:30:00+00:00",
        **said,
    }
    return {
        "subject_type": "booking",
        "subject_id": "visit",
        "sequence": sequence,
        "kind": kind,
        "created_at": f"2030-05-01T10:00:{at:02}+00:00",
        "from_status": before,
        "to_status": after,
        "announcement": announcement,
    }


def request(verb, at, body, data, *, subject="visit", key=None, outcome="ok", status=200):
    return {
        "verb": verb,
        "key": key or verb,
        "subject": "" if verb == "hold" else subject,
        "body": body,
        "at": 1_903_860_000 + at - 0.5,  # 2030-05-01 10:00 UTC
        "until": 1_903_860_000 + at + 0.5,
        "outcome": outcome,
        "status": status,
        "answer": {"data": {"id": "visit", **data}},
    }


def mail(id, subject):
    return {"id": f"<{id}@example.org>", "to": "alice@example.org", "subject": f"{subject} at Holdfast Clinic"}


def delivery(event):
    data = event["announcement"] | {"sequence": event["sequence"]}
    return {"id": f"delivery {event['sequence']}", "type": event["kind"], "data": data}


@pytest.fixture
def said():
    """What a run leaves in which Alice holds nine o'clock, confirms it, moves to eleven, and cancels."""
    expires_at = "2030-05-01T10:15:01+00:00"
    events = [
        event(1, "hold.placed", 1, "", "active", expires_at=expires_at),
        event(2, "hold.confirmed", 2, "active", "confirmed"),
        event(3, "appointment.created", 2, "", "confirmed"),
        event(4, "appointment.rescheduled", 3, hour=11),
        event(5, "appointment.cancelled", 4, "confirmed", "cancelled", hour=11),
    ]
    events[1]["announcement"] = None
    named = {"reference": "K7QMB-3XPDF", "attendee_email": "alice@example.org"}
    return {
        "requests": [
            request("hold", 1, {**OPENING, "external_id": "alice 1"}, {}, status=201),
            request("confirm", 2, {"patient": ALICE, "attendee_email": "alice@example.org"}, named, status=201),
            request("reschedule", 3, MOVED, {}),
            request("cancel", 4, {"reason": "patient_request"}, {}),
        ],
        "moment": [{"now": "2030-05-01T11:00:00+00:00"}],
        "holds": [{"id": "visit", "status": "confirmed", "external_id": "alice 1"}],
        "appointments": [{"id": "visit", "status": "cancelled", **named}],
        "events": events,
        "slots": [],
        "services": [{"id": "consultation", "buffer_before": "0:00:00", "buffer_after": "0:10:00"}],
        "patients": [{"id": "alice", "last_name": "Archer"}],
        "mails": [mail(1, "Your appointment"), mail(2, "New time:"), mail(3, "Cancelled:")],
        "deliveries": [delivery(each) for each in events[2:]],
    }


@pytest.fixture
def find(said, tmp_path):
    """Return the names of the invariants that are broken by what is said."""

    def find():
        for name, rows in said.items():
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        lines = []
        for number, each in enumerate(said["requests"]):
            asked = {name: each[name] for name in ("at", "verb", "key", "subject", "body")}
            answered = {name: each[name] for name in ("outcome", "status", "answer")}
            lines += [{"invoke": number + 1, **asked}, {"complete": number + 1, "at": each["until"], **answered}]
        (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return [name for name, found in check(tmp_path).items() if found]

    return find


def copy_booking(said, *, at):
    """Add the hold of another booking, placed at a second, at a quarter past nine."""
    placed = event(1, "hold.placed", at, "", "active", expires_at="2030-05-01T10:05:00+00:00")
    placed |= {"subject_id": "other"}
    placed["announcement"] |= {"start_time": f"{DAY}09:35:00+00:00", "end_time": f"{DAY}10:05:00+00:00"}
    said["events"].append(placed)
    said["holds"].append({"id": "other", "status": "active", "external_id": "bob 1"})
    body = {"clinician_id": "dana", "start_time": f"{DAY}09:35:00+00:00", "external_id": "bob 1"}
    said["requests"].append(request("hold", at, body, {"id": "other"}, key="other", status=201))


def test_history_without_a_fault_breaks_nothing(find):
    assert find() == []


def test_hold_within_the_buffer_of_a_visit_is_an_overlap(said, find):
    copy_booking(said, at=2)
    assert find() == [OVERLAP]


def test_hold_of_time_that_was_left_is_no_overlap(said, find):
    copy_booking(said, at=3)
    assert find() == []


def test_slot_of_nobody_is_found(said, find):
    time = {"from": f"{DAY}09:00:00+00:00", "until": f"{DAY}09:40:00+00:00", "expires_at": None}
    said["slots"].append({"clinician_id": "dana", **time})
    assert find() == [OVERLAP]


def test_acknowledged_confirmation_without_appointment_is_lost(said, find):
    said["appointments"].clear()
    del said["events"][1:]
    said["holds"][0]["status"] = "active"
    assert LOST in find()


def test_acknowledged_cancellation_of_what_stands_is_lost(said, find):
    said["appointments"][0]["status"] = "confirmed"
    del said["events"][4]
    said["mails"].pop()
    said["deliveries"].pop()
    assert find() == [OVERLAP, LOST]  # and its slot is gone


def test_acknowledged_move_that_the_log_lacks_is_lost(said, find):
    said["events"][3]["announcement"]["start_time"] = f"{DAY}12:00:00+00:00"
    said["deliveries"][1]["data"]["start_time"] = f"{DAY}12:00:00+00:00"
    assert find() == [LOST, MADE_UP]


def test_cancellation_that_nobody_sent_is_made_up(said, find):
    said["requests"].pop()
    assert find() == [MADE_UP]


def test_change_that_was_refused_is_made_up(said, find):
    said["requests"][3] |= {"outcome": "refused", "status": 409}
    assert find() == [MADE_UP]


def test_patient_that_nobody_named_is_made_up(said, find):
    said["patients"].append({"id": "mallory", "last_name": "Moss"})
    assert find() == [MADE_UP]


def test_retry_with_another_answer_is_found(said, find):
    [_, confirm, *_] = said["requests"]
    said["requests"].append(confirm | {"status": 200})
    assert find() == [TWO_ANSWERS]


def test_request_that_was_done_twice_is_found(said, find):
    copy_booking(said, at=5)
    said["holds"][1]["external_id"] = "alice 1"
    assert TWO_ANSWERS in find()


def test_hold_confirmed_as_two_appointments_is_found(said, find):
    body, data = said["requests"][1]["body"], said["requests"][1]["answer"]["data"]
    said["requests"].append(request("confirm", 2, body, data | {"reference": "AAAAA-BBBBB"}, key="other"))
    assert find() == [LOST, TWO_APPOINTMENTS]


def test_hold_confirmed_after_it_ran_out_is_found(said, find):
    said["events"][0]["announcement"]["expires_at"] = "2030-05-01T10:00:01.500000+00:00"
    assert find() == [TOO_LATE]


def test_hold_that_expired_too_early_is_found(said, find):
    copy_booking(said, at=5)
    expired = event(2, "hold.expired", 6, "active", "expired", expires_at="2030-05-01T10:05:00+00:00")
    said["events"].append(expired | {"subject_id": "other"})
    said["holds"][1]["status"] = "expired"
    assert find() == [TOO_LATE]


@pytest.mark.parametrize("kind", ["mails", "deliveries"])
def test_missing_message_is_found(said, find, kind):
    said[kind].pop()
    assert find() == [MESSAGES]


@pytest.mark.parametrize("kind", ["mails", "deliveries"])
def test_message_that_arrives_again_is_no_fault(said, find, kind):
    said[kind].append(said[kind][0])
    assert find() == []


@pytest.mark.parametrize("kind", ["mails", "deliveries"])
def test_message_that_arrives_again_under_another_id_is_found(said, find, kind):
    said[kind].append(said[kind][0] | {"id": "another"})
    assert find() == [MESSAGES]


def test_gap_in_a_sequence_is_found(said, find):
    said["events"][4]["sequence"] = 6
    said["deliveries"][2]["data"]["sequence"] = 6
    assert find() == [STORY]


def test_move_that_is_not_allowed_is_found(said, find):
    said["events"][1]["from_status"] = "released"
    assert find() == [STORY]


def test_row_that_is_not_as_its_events_say_is_found(said, find):
    said["holds"][0]["status"] = "released"
    assert find() == [STORY]
