"""The log: what happened as sentences, by whom, of whom and about what."""

import pytest

from booking.domain import patients
from booking.domain.appointments import annotate, cancel
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Event, PatientAccess
from patients.models import Patient
from tests.booking.admin.pages import count_queries, get_rows, url

EVENTS = "booking_event"


@pytest.fixture
def story(erin, book, at, consultation, dana, harbour):
    """What has happened to alice, whom erin has moved and then cancelled, and to bob."""
    visit = book(at(9))
    actor = f"staff:{erin.user.pk}"
    opening = OpeningRequest(consultation, at(11), clinician=dana, location=harbour, is_remote=False)
    reschedule(visit, opening, actor=actor)
    annotate(visit, actor=actor, notes="Brings her dog")
    cancel(visit, reason="patient_unwell", note="Has a cold", actor=actor)
    patients.register(Patient(first_name="Bob", last_name="Brown", email="bob@example.org"), actor="worker")
    return visit


def read(browser, **query):
    return [what for _, what in get_rows(browser.get(url(EVENTS), query))]


def test_log_tells_who_did_what_with_whose_visit(erin, story, at):
    name = f"the visit of Alice Archer ({story.reference})"
    moved = f"from {at(9):%a %-d %b %Y, %H:%M %Z} to {at(11):%a %-d %b %Y, %H:%M %Z}"
    said = read(erin)
    assert said[:4] == [
        "The system wrote down the record of Bob Brown .",
        f"Erin cancelled {name} : the patient is unwell; it was confirmed.",
        f"Erin changed {name} : notes.",
        f"Erin moved {name} {moved}.",
    ]
    assert {story.patient_id} < set(PatientAccess.objects.latest("pk").patient_ids)
    page = erin.get(url(EVENTS)).content.decode()
    for secret in ("dog", "cold", "example.org"):
        assert secret not in page


def test_log_can_be_narrowed_to_person_patient_thing_and_day(erin, story):
    by_erin = read(erin, who=f"staff:{erin.user.pk}")
    assert len(by_erin) == 3
    assert all(sentence.startswith("Erin ") for sentence in by_erin)
    bob = Patient.objects.get(first_name="Bob")
    assert read(erin, patient=str(bob.pk)) == read(erin, q="bob brown") == read(erin, about="patient")[:1]
    of_alice = read(erin, patient=str(story.patient_id))
    assert len(of_alice) == Event.objects.count() - 1
    assert set(read(erin, q=story.reference)) < set(of_alice)
    assert len(read(erin, day="today")) == Event.objects.count()
    assert read(erin, day="2001-01-01") == []
    for wrong in ("today'", "2026-99-99", "x"):
        assert len(read(erin, day=wrong)) == Event.objects.count()
    assert read(erin, patient="x") == []


def test_log_names_nobody_to_who_may_not_see_them(morgan, erin, story):
    Patient.objects.filter(pk=story.patient_id).update(restricted_at=story.created_at)
    said = read(erin)
    assert not any("Alice" in sentence for sentence in said)
    assert story.patient_id not in PatientAccess.objects.latest("pk").patient_ids
    assert read(erin, patient=str(story.patient_id)) == []
    assert any("Alice" in sentence for sentence in read(morgan))


def test_log_takes_as_many_queries_for_more_events(erin, book, at, story):
    few = count_queries(erin, url(EVENTS))
    for hour in (10, 13, 14):
        book(at(hour), patient=Patient.objects.get(first_name="Bob"))
    assert count_queries(erin, url(EVENTS)) == few
