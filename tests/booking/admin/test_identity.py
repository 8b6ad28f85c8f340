"""Who booked online without proving who they are: staff are told until it is verified or they have checked."""

import pytest

from booking.models import Appointment, Event, Provider
from tests.booking.admin.pages import get_text
from tests.booking.widget.conftest import TYPED
from tests.ledger import nothing_changes

SAID = "booked online, not verified; the record has another number"
NUMBERS = "Booked with +44 20 7946 0999, the record has +44 20 7946 0123."


@pytest.fixture
def impostor(client, alice, hold_time, at):
    """An appointment that somebody has booked on the pages as Alice, who is known with another number."""
    alice.save()
    hold = hold_time(at(9), network="a" * 64)
    client.post(f"/hold/{hold.token}/confirm", {**TYPED, "phone": "020 7946 0999"})
    return Appointment.objects.get()


def pages_of(appointment):
    return {
        "page": f"/admin/booking/appointment/{appointment.pk}/change/",
        "list": "/admin/booking/appointment/?day=any",
        "patient": f"/admin/patients/patient/{appointment.patient_id}/change/",
        "another time": f"/admin/booking/appointment/{appointment.pk}/another-time/",
    }


def test_staff_see_everywhere_that_the_record_has_another_number(erin, impostor, alice):
    assert impostor.patient == alice
    for name, address in pages_of(impostor).items():
        assert SAID in get_text(erin.get(address)).replace("Booked", "booked"), name
    assert NUMBERS in get_text(erin.get(pages_of(impostor)["page"]))


def test_queue_says_that_the_record_has_another_number(erin, client, consultation, alice, hold_time, at):
    Provider.objects.create(name="The front desk", slug="desk", kind="staff").services.add(consultation)
    alice.save()
    hold = hold_time(at(9), network="a" * 64)
    client.post(f"/hold/{hold.token}/confirm", {**TYPED, "phone": "020 7946 0999"})

    assert SAID in get_text(erin.get("/admin/booking/unconfirmed/"))


def test_numbers_are_compared_only_for_those_who_see_patients(danas_browser, impostor):
    text = get_text(danas_browser.get(pages_of(impostor)["page"]))

    assert SAID in text.replace("Booked", "booked")
    assert "+44 20 7946 0123" not in text


@pytest.mark.parametrize("verification", ["", "verified", "checked"])
def test_nothing_is_said_of_who_is_known(erin, impostor, verification):
    Appointment.objects.update(verification=verification)
    for address in pages_of(impostor).values():
        assert "not verified" not in get_text(erin.get(address))


def test_another_number_is_not_said_of_a_record_with_the_same(erin, impostor):
    Appointment.objects.update(attendee_phone="+442079460123")

    text = get_text(erin.get(pages_of(impostor)["page"]))

    assert "Booked online, not verified." in text and "another number" not in text


def test_reception_notes_that_the_identity_is_checked(erin, impostor):
    page = pages_of(impostor)["page"]
    check = f"/admin/booking/appointment/{impostor.pk}/check-identity/"
    assert check in erin.get(page).content.decode()

    erin.post(check)

    impostor.refresh_from_db()
    assert impostor.verification == "checked"
    assert check not in erin.get(page).content.decode()
    event = Event.objects.latest("id")
    assert (event.kind, event.data) == ("appointment.updated", {"changed": ["verification"]})
    with nothing_changes():
        erin.post(check)


def test_identity_is_checked_only_by_those_who_decide(danas_browser, impostor):
    with nothing_changes():
        assert danas_browser.post(f"/admin/booking/appointment/{impostor.pk}/check-identity/").status_code == 403
