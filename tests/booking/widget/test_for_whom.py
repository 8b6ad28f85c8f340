"""Booking for somebody else: who comes is the patient, and who is written to is told so by name."""

import pytest
from django.core import mail
from django.urls import reverse

from booking.access.patient_links import appointment_token
from booking.domain.verification import verify_appointment
from booking.models import Appointment
from patients.households import list_household
from patients.matching import find_identical_patient, match_patient
from patients.merging import merge_patients
from patients.models import Patient
from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

FOR_TIM = {
    "who": "other",
    "relation": "child",
    "contact_name": "Alice Archer",
    "first_name": "Tim",
    "date_of_birth_day": "2",
    "date_of_birth_month": "5",
    "date_of_birth_year": "2019",
}


@pytest.fixture
def booked_for_tim(client, held, typed, alice):
    """Tim's visit at nine, which his mother has booked on the pages; she is a patient too."""
    alice.save()
    assert client.post(f"/hold/{held.token}/confirm", typed | FOR_TIM).status_code == 303
    return Appointment.objects.get()


def test_who_comes_is_the_patient_and_the_contact_is_who_books(booked_for_tim, alice):
    tim = booked_for_tim.patient

    assert (str(tim), str(tim.date_of_birth), tim.email) == ("Tim Archer", "2019-05-02", "alice@example.org")
    assert tim.contact == {
        "name": "Tim Archer",
        "email": "alice@example.org",
        "phone": "+442079460123",
        "contact_name": "Alice Archer",
        "relation": "child",
    }
    visit = booked_for_tim
    assert (visit.attendee_name, visit.contact_name, visit.relation) == ("Tim Archer", "Alice Archer", "child")
    assert tim != alice
    alice.refresh_from_db()
    assert (alice.contact_name, alice.relation) == ("", "")


def test_second_visit_finds_the_childs_record(client, booked_for_tim, hold_time, at, typed):
    client.post(f"/hold/{hold_time(at(10)).token}/confirm", typed | FOR_TIM)

    assert Patient.objects.count() == 2
    assert Appointment.objects.filter(patient=booked_for_tim.patient).count() == 2


def test_mail_greets_the_contact_and_names_who_comes_where_proven(booked_for_tim, erin):
    Appointment.objects.update(verification="verified")
    run_what_is_due()

    [message] = mail.outbox
    assert message.to == ["alice@example.org"]
    assert message.body.startswith("Dear Alice Archer,") and "For Tim Archer" in message.body
    assert "Tim Archer" in message.alternatives[0].content
    invitation = message.alternatives[1].content.replace("\r\n ", "").replace("\n ", "")
    assert "CN=Alice Archer" in invitation.replace('"', "") and "For Tim Archer" in invitation


def test_mail_that_a_stranger_may_have_caused_names_nobody(booked_for_tim, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    Appointment.objects.update(verification="waived")
    run_what_is_due()

    [message] = mail.outbox
    assert message.body.startswith("Hello,") and "For your child" in message.body
    for text in (message.body, *(each.content for each in message.alternatives)):
        assert "Tim" not in text and "Alice Archer" not in text


def test_pages_behind_the_link_say_in_a_word_who_comes(client, booked_for_tim):
    address = f"/appointment/{appointment_token(booked_for_tim)}/"

    page = Page(client.get(address))

    assert "For Your child" in page.text and "Archer" not in page.text
    assert "For your child" in client.get(f"{address}appointment.ics").content.decode().replace("\r\n ", "")


def test_staff_see_both(booked_for_tim, erin):
    page = erin.get(reverse("admin:booking_appointment_change", args=[booked_for_tim.pk])).text
    listed = erin.get(reverse("admin:booking_appointment_changelist"), {"q": "Alice"}).text

    assert "Tim Archer" in page and 'value="Alice Archer"' in page
    assert '<option value="child" selected>child</option>' in page
    assert "Tim Archer" in listed and "Alice Archer, for their child" in listed


def test_check_shows_both(client, held, typed):
    page = Page(client.post(f"/hold/{held.token}/check", typed | FOR_TIM))

    assert "Name Tim Archer We write to Alice Archer Born 2 May 2019" in page.text
    assert {name: page.inputs[name] for name in FOR_TIM} == FOR_TIM


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"relation": ""}, "Please choose who comes."),
        ({"relation": "owl"}, "Please choose who comes."),
        ({"contact_name": ""}, "Please enter your own name too."),
        ({"contact_name": "www.evil.example"}, "Please write only a name here"),
        ({"who": "nobody"}, "Please choose again who it is for."),
    ],
)
def test_incomplete_answers_are_asked_for_again(client, held, typed, changes, sentence):
    with nothing_changes():
        response = client.post(f"/hold/{held.token}/confirm", typed | FOR_TIM | changes)

    assert response.status_code == 422
    assert sentence in Page(response).text


def test_what_was_typed_for_somebody_else_counts_for_nothing_once_it_is_for_oneself(client, held, typed):
    client.post(f"/hold/{held.token}/confirm", typed | {**FOR_TIM, "who": "me"})

    assert Appointment.objects.get().contact_name == Patient.objects.get().contact_name == ""


def test_visits_of_a_family_count_for_its_unproven_mailbox(client, hold_time, at, typed, settings):
    settings.ONLINE_VISITS_PER_PERSON = 2
    for hour, name in ((9, "Tim"), (10, "Tess"), (11, "Theo")):
        held = hold_time(at(hour), network="n")
        client.post(f"/hold/{held.token}/confirm", typed | FOR_TIM | {"first_name": name})

    visits = Appointment.objects.order_by("starts_at")
    assert [visit.verification for visit in visits] == ["waived", "waived", "required_quietly"]
    verify_appointment(visits[2])
    assert Appointment.objects.get(pk=visits[2].pk).verification == "verified"


# Matching


def make_archer(**changes):
    details = {"first_name": "John", "last_name": "Archer", "email": "archers@example.org"}
    return Patient(**details | changes)


def test_father_and_son_of_one_name_and_address_stay_two(db):
    father = match_patient(make_archer(date_of_birth="1980-01-01"))
    father.refresh_from_db()
    theirs = {"contact_name": "John Archer", "relation": "child"}

    son = match_patient(make_archer(date_of_birth="2019-05-02", **theirs))

    assert son != father
    assert find_identical_patient(make_archer(**theirs)) is None
    assert find_identical_patient(make_archer()) is None


def test_child_without_birth_date_is_not_taken_for_its_only_namesake(db):
    father = match_patient(make_archer(date_of_birth="1980-01-01"))

    assert find_identical_patient(make_archer()) == father
    assert find_identical_patient(make_archer(contact_name="John Archer", relation="child")) is None


def test_merge_takes_the_contact_along_with_its_address(db):
    keep = Patient.objects.create(first_name="Tim", last_name="Archer", date_of_birth="2019-05-02")
    duplicate = make_archer(date_of_birth="2019-05-02", contact_name="Alice Archer", relation="child")
    duplicate.save()

    merged = merge_patients(keep=keep, duplicate=duplicate)

    assert merged.contact == {
        "name": "Tim Archer",
        "email": "archers@example.org",
        "phone": "",
        "contact_name": "Alice Archer",
        "relation": "child",
    }


def test_household_of_a_child_has_those_of_the_same_writer_and_not_the_writer(db):
    born = {"paula": "1985-04-12", "tim": "2019-05-02", "tess": "2021-08-30", "uma": "2018-03-03"}
    for name, day in born.items():
        writer = {"paula": "", "uma": "Peter Archer"}.get(name, "Paula Archer")
        make_archer(first_name=name.title(), date_of_birth=day, contact_name=writer).save()
    of_tim = Patient.objects.get(first_name="Tim").date_of_birth

    assert [each.first_name for each in list_household(email="archers@example.org", born=of_tim)] == ["Tim", "Tess"]
