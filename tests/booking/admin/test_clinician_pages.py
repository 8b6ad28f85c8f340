"""What a clinician sees and does: their patients, notes, another visit, hours, feed and time off."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.domain.confirmation import confirm_hold
from booking.models import Appointment, PatientAccess, StrandedVisit
from patients.models import Needs, Patient
from scheduling.models import TimeOff, TimeOffRequest
from tests.booking.admin.pages import count_queries, get_text, list_messages, url
from tests.conftest import make_clinician


def page(name, *arguments):
    return reverse(f"admin:{name}", args=arguments)


@pytest.fixture
def other_patient(hold_time, at, harbour, consultation):
    """Nora, who sees Otis and not Dana."""
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    nora = Patient(first_name="Nora", last_name="Quill", email="nora@example.org")
    return confirm_hold(hold_time(at(9), clinician=otis), patient=nora, actor="patient").patient


def test_clinician_sees_their_patients_only_and_it_is_recorded(danas_browser, book, at, other_patient):
    visit = book(at(9))
    Appointment.objects.filter(pk=visit.pk).update(notes="Left knee")
    Needs.objects.create(patient=visit.patient, accessibility="Wheelchair")

    listed = danas_browser.get(page("my_patients"))
    assert [row.patient for row in listed.context["rows"]] == [visit.patient]
    assert "has needs" in get_text(listed)
    assert danas_browser.get(page("my_patients") + "?q=quill").context["rows"] == []
    assert len(danas_browser.get(page("my_patients") + "?q=arch").context["rows"]) == 1
    card = get_text(danas_browser.get(page("my_patient", visit.patient.pk)))

    assert all(text in card for text in ("Alice Archer", "Wheelchair", "Left knee", "12 April 1985"))
    assert danas_browser.get(page("my_patient", other_patient.pk)).status_code == 404
    assert danas_browser.get(page("my_follow_up", other_patient.pk)).status_code == 404
    seen = (
        PatientAccess.objects.filter(page__startswith="admin:my_pat")
        .order_by("id")
        .values_list("action", "patient_ids")
    )
    assert list(seen) == [
        ("view", [visit.patient.pk]),
        ("search", [visit.patient.pk]),
        ("view", [visit.patient.pk]),
    ]


def test_clinician_writes_notes_and_video_link_of_own_visits_only(danas_browser, book, at, other_patient):
    own, other = book(at(10)), Appointment.objects.get(patient=other_patient)
    form = {"notes": "Stronger already", "meeting_url": "https://video.example/dana", "attendee_name": "Mallory"}
    initial = {"initial-notes": "", "initial-meeting_url": ""}

    danas_browser.post(url("booking_appointment", "change", own.pk), form | initial)
    refused = danas_browser.post(url("booking_appointment", "change", other.pk), form | initial)

    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.notes, own.meeting_url) == ("Stronger already", "https://video.example/dana")
    assert (own.attendee_name, own.status) == ("Alice Archer", "confirmed")
    assert (refused.status_code, other.notes, other.meeting_url) == (403, "", "")


def test_clinician_books_another_visit_with_themselves(danas_browser, book, at, day, dana, consultation):
    visit = book(at(9))
    address = page("my_follow_up", visit.patient.pk)

    shown = danas_browser.post(address, {"day": str(day), "service": str(consultation.pk)})
    times = dict(
        reversed(pair) for pair in re.findall(r'value="(\d[^"]*)".*?<span>(.*?)</span>', shown.content.decode())
    )
    chosen = {"service": str(consultation.pk), "day": str(day), "opening": times["10:00"], "book": "Book"}
    response = danas_browser.post(address, chosen | {"new_id": str(shown.context["new_id"])})

    assert response.url == page("my_patient", visit.patient.pk)
    booked = Appointment.objects.exclude(pk=visit.pk).get()
    assert (booked.clinician, booked.patient, booked.starts_at) == (dana, visit.patient, at(10))
    # Nobody else's time, whatever is submitted.
    elsewhere = danas_browser.post(address, chosen | {"clinician": str(visit.patient.pk), "opening": "1 2 3 0"})
    assert Appointment.objects.count() == 2
    assert elsewhere.context["picker"].filters.clinician_ids == [dana.pk]


def test_time_off_is_asked_for_and_answered_on_the_pages(danas_browser, morgan, book, at, day):
    visit = book(at(9))
    wish = {"starts_at_0": str(day), "starts_at_1": "", "ends_at_0": "", "ends_at_1": "", "reason": "Wedding"}

    assert list_messages(danas_browser.post(page("my_time_off"), wish))[0].startswith("You have asked")
    request = TimeOffRequest.objects.get()
    assert (request.starts_at, request.ends_at) == (at(0), at(0) + timedelta(days=1))
    shown = get_text(morgan.get(page("time_off_requests")))
    assert all(text in shown for text in ("1 asks for time off", "Dana Reed", "Wedding", "1 visit booked then"))

    answer = {"answer": f"approve:{request.pk}", "note": "Have fun"}
    asked = morgan.post(page("time_off_requests"), answer)
    assert TimeOff.objects.count() == 0
    morgan.post(page("time_off_requests"), answer | {"strands": asked.context["accepted"]})

    assert TimeOff.objects.get().reason == "Wedding"
    assert StrandedVisit.objects.get().appointment == visit
    told = get_text(danas_browser.get(page("my_time_off")))
    assert all(text in told for text in ("Time off answered", "approved", "Have fun"))
    assert "Time off answered" not in get_text(danas_browser.get(page("my_hours")))
    assert "off" in get_text(danas_browser.get(page("my_hours")))


def test_wrong_time_off_is_refused_at_its_field(danas_browser, day):
    wish = {"starts_at_0": str(day), "starts_at_1": "10:00", "ends_at_0": str(day), "ends_at_1": "09:00", "reason": ""}
    yesterday = str(timezone.now().date() - timedelta(days=2))

    for changes, name in [
        ({}, "ends_at"),
        ({"starts_at_0": ""}, "starts_at"),
        ({"starts_at_0": yesterday, "ends_at_0": yesterday, "ends_at_1": ""}, "ends_at"),
    ]:
        refused = danas_browser.post(page("my_time_off"), wish | changes)
        assert list(refused.context["form"].errors) == [name]
    assert TimeOffRequest.objects.count() == 0


def test_own_pages_are_for_clinicians_and_answers_for_managers(erin, morgan, danas_browser, dana, book, at):
    visit = book(at(9))
    own = [page(name) for name in ("my_patients", "my_hours", "my_time_off", "my_feed")]
    own += [page(name, visit.patient.pk) for name in ("my_patient", "my_follow_up")]

    for address in own:
        assert [browser.get(address).status_code for browser in (erin, morgan)] == [403, 403]
        assert danas_browser.get(address).status_code in (200, 302)
    assert [browser.get(page("time_off_requests")).status_code for browser in (erin, danas_browser)] == [403, 403]
    menu = get_text(danas_browser.get(page("my_hours")))
    assert all(text in menu for text in ("My patients", "My hours", "My time off", "My feed"))


def test_queries_of_my_patients_do_not_grow_with_them(danas_browser, hold_time, at):
    counts = []
    for hour, name in ((9, "Ada"), (10, "Bo"), (11, "Cy")):
        patient = Patient(first_name=name, last_name="Many", email=f"{name}@example.org".lower())
        confirm_hold(hold_time(at(hour)), patient=patient, actor="patient")
        counts.append(count_queries(danas_browser, page("my_patients")))
    assert len(set(counts)) == 1
