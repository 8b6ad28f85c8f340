"""The page on which the patient of a stranded visit takes one of the offered times, or none of them."""

import pytest
from django.test import Client

from booking.access.patient_links import get_stranded_path
from booking.domain.slot_selection import OpeningRequest
from booking.domain.stranded_offers import list_open_offers, offer_times
from booking.domain.stranded_visits import Stranding, find_open, keep, mark
from booking.models import Hold
from tests.booking.admin.pages import get_text
from tests.conftest import make_clinician
from tests.ledger import nothing_changes


@pytest.fixture
def visit(book, at, settings, harbour, consultation):
    """Alice's visit to Dana at nine, which is stranded: Finn is offered at nine and at eleven."""
    settings.SITE_URL = "https://booking.clinic.example"
    finn = make_clinician("Finn Moss", location=harbour, services=[consultation])
    mark([Stranding(book(at(9)), "away")], actor="staff:7")
    visit = find_open().select_related("appointment").get()
    openings = [OpeningRequest(consultation, at(hour), finn, harbour, False) for hour in (9, 11)]
    offer_times(visit, openings, actor="staff:7")
    return visit


def test_patient_takes_offered_time_by_button_only(visit, at):
    page, patient = get_stranded_path(visit), Client()
    first, second = list_open_offers(visit)

    with nothing_changes():
        shown = patient.get(page)
    assert shown.status_code == 200
    assert get_text(shown).count("with Finn Moss") == 2
    assert "Alice" not in get_text(shown)
    response = patient.post(page, {"hold": str(second.pk)})

    visit.appointment.refresh_from_db()
    assert (response.status_code, visit.appointment.starts_at) == (303, at(11))
    assert Hold.objects.get(pk=first.pk).status == "released"
    assert "This is settled" in get_text(patient.get(page))
    with nothing_changes():
        patient.post(page, {"hold": str(first.pk)})


def test_patient_whom_nothing_suits_keeps_visit_and_stays_in_list(visit, at):
    page, patient = get_stranded_path(visit), Client()

    patient.post(page, {"none": "1"})

    assert list_open_offers(visit) == []
    assert "We are looking for another time" in get_text(patient.get(page))
    visit.appointment.refresh_from_db()
    assert (visit.appointment.starts_at, find_open().get()) == (at(9), visit)


def test_link_that_is_forged_or_of_settled_visit_changes_nothing(visit):
    page, patient = get_stranded_path(visit), Client()
    [offered, _] = list_open_offers(visit)
    keep(visit, reason="She comes anyway.", actor="staff:7")

    with nothing_changes():
        assert patient.post(page, {"hold": str(offered.pk)}).status_code == 303
        assert patient.post(page[:-3] + "A/", {"none": "1"}).status_code == 404
        assert patient.post(page, {"hold": "no id"}).status_code == 303
