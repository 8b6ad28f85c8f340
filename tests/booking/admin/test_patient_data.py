"""Managers export, erase and restrict a patient; others have no button for it and no address."""

import json

import pytest

from booking.domain.appointments import cancel, complete
from booking.models import PatientAccess
from patients.models import Patient
from tests.booking.admin.pages import get_text, list_messages, url
from tests.ledger import begin, nothing_changes

PATIENTS = "patients_patient"


@pytest.fixture
def visit(book, at):
    """A visit of Alice's that took place."""
    visit = begin(book(at(9)))
    complete(visit, actor="erin")
    return visit


@pytest.fixture
def patient(book, at):
    """Alice, who has cancelled the only visit she ever had."""
    visit = book(at(9))
    cancel(visit, reason="patient_request", actor="patient")
    return visit.patient


def test_export_is_a_download_that_is_recorded_and_never_cached(morgan, patient):
    response = morgan.post(url(PATIENTS, "export", patient.pk), {"format": "json"})

    assert json.loads(response.content)["records"][0]["email"] == "alice@example.org"
    assert response["Content-Disposition"] == f'attachment; filename="patient-{str(patient.pk)[:8]}.json"'
    assert "no-store" in response["Cache-Control"]
    [row] = PatientAccess.objects.values("action", "actor", "patient_ids", "page")
    assert row == {
        "action": "export",
        "actor": f"staff:{morgan.user.pk}",
        "patient_ids": [patient.pk],
        "page": "admin:patients_patient_export",
    }
    page = morgan.post(url(PATIENTS, "export", patient.pk), {"format": "html"})
    assert "Alice" in page.text
    assert morgan.get(url(PATIENTS, "export", patient.pk)).status_code == 405


def test_receptionist_can_neither_export_nor_erase(erin, morgan, patient):
    page = url(PATIENTS, "change", patient.pk)
    for words in ("Export to read", "Export as data", "Erase or restrict"):
        assert words in get_text(morgan.get(page))
        assert words not in get_text(erin.get(page))
    with nothing_changes():
        for name in ("export", "erase", "lift"):
            assert erin.post(url(PATIENTS, name, patient.pk), {"format": "json"}).status_code == 403


def test_erase_asks_for_the_last_name(morgan, patient):
    page = url(PATIENTS, "erase", patient.pk)
    with nothing_changes():
        refused = morgan.post(page, {"do": "erase", "confirmation": "Alice"})
    assert "That is not the patient's name." in get_text(refused)

    response = morgan.post(page, {"do": "erase", "confirmation": " archer "})

    assert list_messages(response) == ["Erased. Their visits stay as times without a person."]
    patient.refresh_from_db()
    assert (str(patient), bool(patient.erased_at)) == ("erased", True)
    assert "were erased on" in get_text(morgan.get(page))


def test_erase_refused_for_coming_visit_says_what_to_do(morgan, book, at):
    visit = book(at(9))
    with nothing_changes():
        page = morgan.post(url(PATIENTS, "erase", visit.patient_id), {"do": "erase", "confirmation": "Archer"})

    assert "Cancel or release those first. Nothing was changed." in get_text(page)


def test_restrict_is_offered_instead_of_erasing_what_must_be_kept(morgan, visit):
    page = url(PATIENTS, "erase", visit.patient_id)
    shown = get_text(morgan.get(page))
    assert "Until then it cannot be erased. Restrict it instead." in shown
    assert "Type the last name" not in shown
    with nothing_changes():
        morgan.post(page, {"do": "erase", "confirmation": "Archer"})
        assert "This field is required." in get_text(morgan.post(page, {"do": "restrict", "reason": ""}))

    morgan.post(page, {"do": "restrict", "reason": "Kept by law."})

    assert Patient.objects.get().restriction_reason == "Kept by law."
    assert "Take out of the archive" not in get_text(morgan.get(url(PATIENTS, "change", visit.patient_id)))

    morgan.post(url(PATIENTS, "lift", visit.patient_id))

    assert Patient.objects.get().restricted_at is None
