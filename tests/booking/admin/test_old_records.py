"""The records that no longer have to be kept: a person decides, and nobody else."""

from datetime import date, timedelta

import pytest

from booking.models import Appointment
from patients.models import Patient
from scheduling.lib.clock import database_now
from tests.booking.admin.pages import get_rows, get_text, list_messages, url
from tests.ledger import nothing_changes

LIST = "/admin/booking/oldrecord/"
ELEVEN_YEARS = timedelta(days=11 * 365.25)


@pytest.fixture
def age():
    """Give a visit another day: ``age(visit, ELEVEN_YEARS)``."""

    def age(visit, past):
        end = database_now() - past
        changes = {"starts_at": end - timedelta(hours=1), "ends_at": end, "status": "completed"}
        Appointment.objects.filter(pk=visit.pk).update(**changes)

    return age


@pytest.fixture
def old(book, at, age):
    """Alice, whose only visit was eleven years ago."""
    visit = book(at(9))
    age(visit, ELEVEN_YEARS)
    return visit.patient


@pytest.fixture
def recent(book, at, age):
    """Bob, who came eleven years ago and last week."""
    bob = Patient.objects.create(first_name="Bob", last_name="Brown", date_of_birth=date(1990, 2, 28))
    age(book(at(10), patient=bob), ELEVEN_YEARS)
    age(book(at(11), patient=bob), timedelta(days=7))
    return bob


def press(browser, action, *patients, **answer):
    return browser.post(LIST, {"action": action, "_selected_action": [patient.pk for patient in patients], **answer})


def test_list_has_those_whose_last_visit_is_older_than_the_clinic_has_to_keep_it(morgan, old, recent):
    last = (database_now() - ELEVEN_YEARS - timedelta(hours=1)).date()

    assert get_rows(morgan.get(LIST)) == [["Alice Archer", "12 Apr 1985", "1", f"{last:%-d %b %Y}"]]


def test_list_takes_a_fixed_number_of_queries(morgan, old, django_assert_max_num_queries):
    with django_assert_max_num_queries(15):
        morgan.get(LIST)


@pytest.mark.parametrize("field", ["erased_at", "restricted_at"])
def test_list_has_nobody_on_whom_somebody_has_decided(morgan, old, field):
    Patient.objects.update(**{field: database_now()})

    assert get_rows(morgan.get(LIST)) == []


def test_list_is_for_those_who_may_erase(erin, old):
    with nothing_changes():
        assert erin.get(LIST).status_code == 403
        assert press(erin, "erase", old, number="1").status_code == 403


def test_erase_asks_how_many_and_erases_them(morgan, old):
    with nothing_changes():
        assert "Alice Archer , last visit" in get_text(press(morgan, "erase", old))
        assert "That is another number." in get_text(press(morgan, "erase", old, number="2"))

    response = press(morgan, "erase", old, number="1")

    assert list_messages(response) == ["1 erased."]
    old.refresh_from_db()
    assert (old.first_name, old.email, old.erased_at is None) == ("", "", False)
    assert Appointment.objects.get().attendee_name == ""


def test_keep_asks_why_and_restricts(morgan, old):
    with nothing_changes():
        press(morgan, "keep", old, reason="")

    response = press(morgan, "keep", old, reason="A dispute about the bill.")

    assert list_messages(response) == ["1 kept, and used for nothing else."]
    old.refresh_from_db()
    assert (old.first_name, old.restriction_reason) == ("Alice", "A dispute about the bill.")
    assert get_rows(morgan.get(LIST)) == []


def test_a_record_that_has_to_be_kept_cannot_be_selected(morgan, old, recent):
    with nothing_changes():
        press(morgan, "erase", recent, number="1")

    assert url("patients_patient", "change", old.pk) in morgan.get(LIST).content.decode()
