"""What is written down with an appointment, changed over the API."""

import pytest

from booking.api.outputs import OF_ATTENDEE
from booking.domain.appointments import annotate
from booking.models import Appointment, Event, OutboxMessage
from booking.models.enums import Job
from tests.ledger import nothing_changes


@pytest.fixture
def booked(book, at):
    return book(at(9))


@pytest.fixture
def change(api, booked):
    return lambda body, **headers: api.patch(f"/appointments/{booked.pk}", body, **headers)


def problem(response):
    return response.status_code, response.json()["code"]


def test_change_sets_what_is_sent_and_nothing_else(change, api, booked):
    before = api.get(f"/appointments/{booked.pk}").json()["data"]
    changes = {
        "attendee_name": "Carol Archer",
        "attendee_email": "carol@example.org",
        "attendee_phone": "+442079460456",
        "notes": "Her mother.\nKnee.",
        "external_id": "VISIT-881",
        "metadata": {"ward": "7"},
    }

    response = change(changes)

    event = Event.objects.get(kind="appointment.updated")
    told = {"kind": "appointment.updated", "status": "", "data": {"changed": sorted(changes)}}
    told |= {"sequence": event.sequence, "created_at": event.created_at.isoformat()}
    booked.refresh_from_db()
    assert response.status_code == 200
    assert response.json()["data"] == {
        **before,
        **changes,
        "events": [*before["events"], told],
        "updated_at": booked.updated_at.isoformat(),
    }
    assert response["Cache-Control"] == "no-store"
    assert api.get(f"/appointments/{booked.pk}").json()["data"] == response.json()["data"]


def test_change_sends_no_mail_and_tells_subscribers_which_members_changed(change, booked, endpoint):
    OutboxMessage.objects.all().delete()

    change({"attendee_email": "carol@example.org", "notes": "Knee."})

    [message] = OutboxMessage.objects.all()
    assert message.kind == Job.WEBHOOK_EVENT
    assert message.payload["type"] == "appointment.updated"
    assert message.payload["data"]["changed"] == ["attendee_email", "notes"]
    assert "carol" not in str(message.payload) and "Knee" not in str(message.payload)


def test_repeated_change_does_nothing(change, booked):
    first = change({"notes": "Knee.", "attendee_phone": ""})

    with nothing_changes():
        again = change({"notes": "Knee.", "attendee_phone": ""})
        empty = change({})

    assert again.json()["data"] == empty.json()["data"] == first.json()["data"]
    assert again["ETag"] == empty["ETag"] == first["ETag"]


@pytest.mark.parametrize("status", Appointment.Status.values)
def test_appointment_of_any_status_can_be_changed(status, change, booked):
    now = booked.starts_at
    Appointment.objects.update(status=status, answer_by=now)

    response = change({"notes": "Knee."})

    assert (response.status_code, response.json()["data"]["status"]) == (200, status)
    assert Appointment.objects.get().notes == "Knee."


def test_appointment_within_its_cancellation_notice_can_be_changed(change, booked, consultation):
    consultation.cancellation_notice = consultation.horizon
    consultation.save()

    assert change({"notes": "Knee."}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"attendee_name": ""},
        {"attendee_name": None},
        {"attendee_name": "www.example.org"},
        {"attendee_email": "carol"},
        {"attendee_phone": "x" * 33},
        {"notes": "\u202e"},
        {"external_id": "x" * 101},
        {"external_id": "x\u202ey"},
        {"status": "completed"},
        {"patient_id": "5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04"},
        {"start_time": "2026-03-30T09:00:00+01:00"},
    ],
    ids=str,
)
def test_invalid_change_is_400_naming_the_member(body, change):
    with nothing_changes():
        response = change({"notes": "Knee.", **body})

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/{next(iter(body))}"]


def test_change_with_a_key_that_cannot_read_appointments_does_not_tell_who_comes(booked, make_key, with_key, api):
    annotate(booked, notes="Knee.", metadata={"ward": "7"}, actor="erin")
    known = api.get(f"/appointments/{booked.pk}").json()["data"]
    writer = with_key(make_key(scopes=["write_appointments"])[1])

    response = writer.patch(f"/appointments/{booked.pk}", {})

    nobody = dict.fromkeys(OF_ATTENDEE, "")
    assert response.json()["data"] == {**known, **nobody, "metadata": {}}


def test_change_with_outdated_etag_is_412(change, api, booked):
    seen = api.get(f"/appointments/{booked.pk}")["ETag"]
    annotate(booked, notes="Erin was here.", actor="erin")

    with nothing_changes():
        late = change({"notes": "Knee."}, if_match=seen)

    assert problem(late) == (412, "changed-meanwhile")


def test_change_of_an_unknown_appointment_is_404(api, db):
    response = api.patch("/appointments/5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04", {"notes": "Knee."})

    assert problem(response) == (404, "not-found")


def test_change_with_an_idempotency_key_is_made_once(change, booked):
    first = change({"metadata": {"a": "b"}}, idempotency_key="one")
    change({"metadata": {"a": "c"}})

    again = change({"metadata": {"a": "b"}}, idempotency_key="one")

    assert (again["Idempotent-Replayed"], again.content) == ("true", first.content)
    assert Appointment.objects.get().metadata == {"a": "c"}


def test_approver_is_not_asked_again(change, booked):
    OutboxMessage.objects.all().delete()

    change({"attendee_name": "Carol Archer"})

    assert not OutboxMessage.objects.exists()


def test_stored_attendee_name_of_older_rules_may_be_sent_again(change, booked):
    Appointment.objects.filter(pk=booked.pk).update(attendee_name="Carl.example/x")

    assert change({"attendee_name": "Carl.example/x", "notes": "Knee."}).status_code == 200
    with nothing_changes():
        assert problem(change({"attendee_name": "Carl.example"})) == (400, "validation")


def test_change_of_who_is_written_to_and_back(change, api, booked):
    change({"contact_name": "Paula Archer", "relation": "parent"})
    booked.refresh_from_db()
    assert (booked.contact_name, booked.relation) == ("Paula Archer", "parent")
    assert change({"relation": "child"}).status_code == 200

    change({"contact_name": ""})

    booked.refresh_from_db()
    assert (booked.contact_name, booked.relation) == ("", "")
