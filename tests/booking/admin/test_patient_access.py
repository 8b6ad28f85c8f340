"""Who has seen whom: every page of admin that shows a patient leaves a row, which stays for a year."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import ProgrammingError, transaction
from django.test import Client
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse
from django.utils import timezone

from booking.domain.patient_access import forget_old_accesses, record_access
from booking.models import ApiKey, PatientAccess
from booking.tasks import forget_old_accesses as task
from patients.matching import match_patient
from patients.models import Consent, Patient, PossibleDuplicate
from tests.booking.admin.pages import get_rows, get_text, run_action, url

MARKS = ("Alice", "Archer", "alice@example.org")
PATIENTS, ACCESSES = "patients_patient", "booking_patientaccess"


@pytest.fixture
def root(db):
    """The browser of somebody who may do everything."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    return browser


@pytest.fixture
def visit(book, order, desk, at):
    """A visit of Alice's that staff must confirm; she has an order, a consent and a near match too."""
    visit = book(at(9), patient=order.patient)
    Consent.objects.create(patient=visit.patient, purpose="reminders", given_at=timezone.now())
    near = Patient(first_name="Alice", last_name="Archer", date_of_birth="1985-04-12", email="other@example.org")
    match_patient(near)
    return visit


def list_admin_pages(patterns=None):
    """Yield the name of every page of admin, and the names of its arguments."""
    if patterns is None:
        [patterns] = [
            each.url_patterns for each in get_resolver().url_patterns if getattr(each, "app_name", "") == "admin"
        ]
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_admin_pages(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name, list(pattern.pattern.converters)


def test_every_admin_page_that_names_a_patient_is_recorded(root, visit, order):
    ids = {
        "booking_appointment": visit.pk,
        "booking_unconfirmed": visit.pk,
        "booking_order": order.pk,
        "patients_patient": visit.patient_id,
        "patients_possibleduplicate": PossibleDuplicate.objects.get().pk,
    }
    others = {"consent_id": visit.patient.consents.get().pk, "name": "cancel"}
    queries = {
        "booking_appointment_add": f"?patient={visit.patient_id}",
        "booking_appointment_changelist": "?day=any",
        "patients_patient_choose": "?term=archer",
    }
    named, unrecorded = set(), []
    for name, arguments in list_admin_pages():
        id = ids.get("_".join(name.split("_")[:2]), 1)
        values = {each: others.get(each, id) for each in arguments}
        with suppress(NoReverseMatch):  # of a model without a row here, whose id is no number
            address = reverse(f"admin:{name}", kwargs=values) + queries.get(name, "")
            before = PatientAccess.objects.count()
            response = root.get(address)
            if response.status_code == 200 and any(mark in response.text for mark in MARKS):
                named.add(name)
                if PatientAccess.objects.count() == before:
                    unrecorded.append(address)
    assert unrecorded == []
    assert {
        "booking_appointment_add",
        "booking_appointment_change",
        "booking_appointment_changelist",
        "booking_appointment_move",
        "booking_order_change",
        "booking_order_changelist",
        "booking_order_history",
        "booking_unconfirmed_changelist",
        "patients_patient_change",
        "patients_patient_changelist",
        "patients_patient_choose",
        "patients_patient_erase",
        "patients_patient_history",
        "patients_patient_withdraw",
        "patients_possibleduplicate_changelist",
    } <= named


def test_search_is_recorded_with_whom_it_showed_and_without_the_words(erin, visit):
    erin.get(url(PATIENTS), {"q": "archer"})

    [row] = PatientAccess.objects.values("action", "actor", "patient_ids", "page", "address")
    assert set(row.pop("patient_ids")) == set(Patient.objects.values_list("pk", flat=True))
    assert row == {
        "action": "search",
        "actor": f"staff:{erin.user.pk}",
        "page": "admin:patients_patient_changelist",
        "address": "127.0.0.1",
    }


def test_search_that_finds_nobody_is_not_recorded(erin, visit):
    assert get_rows(erin.get(url(PATIENTS), {"q": "nobody"})) == []

    assert not PatientAccess.objects.exists()


def test_choice_by_search_is_recorded(erin, visit):
    found = erin.get(url(PATIENTS, "choose"), {"term": "alice"}).json()["results"]

    assert {str(id) for id in PatientAccess.objects.get().patient_ids} == {each["id"] for each in found}
    assert PatientAccess.objects.get().action == "search"


def test_action_page_and_message_about_another_patient_are_recorded(erin, visit, at):
    run_action(erin, "patients_possibleduplicate", "merge_into_first", PossibleDuplicate.objects.get())
    assert set(PatientAccess.objects.get().patient_ids) == set(Patient.objects.values_list("pk", flat=True))

    assert erin.get("/admin/autocomplete/", {"term": "alice"}).status_code == 404


def test_log_of_admin_has_no_name(erin, visit):
    page = url(PATIENTS, "change", visit.patient_id)
    erin.post(url(PATIENTS, "withdraw", visit.patient_id, visit.patient.consents.get().pk))

    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.get_admin_url()) == (f"patient {str(visit.patient_id)[:8]}", page)
    assert "Alice" not in erin.get("/admin/").text.replace("Alice Archer no longer agrees", "")


def test_list_of_accesses_is_by_patient_and_by_actor_and_names_nobody(morgan, erin, visit):
    erin.get(url(PATIENTS, "change", visit.patient_id))
    key = ApiKey.objects.create(name="the practice", kind="secret", start="hf", key_hash=b"1", scopes=[])
    record_access([visit.patient_id], action=PatientAccess.Action.API_READ, actor=key.actor, page="api/v1/patients")
    record_access([UUID(int=1)], action=PatientAccess.Action.VIEW, actor=key.actor, page="api/v1/patients")

    page = morgan.get(url(ACCESSES), {"patient": str(visit.patient_id)})
    assert [row[1] for row in get_rows(page)] == ["the practice", "erin"]
    assert "<h1><bdi>Who has seen which records</bdi></h1>" in page.text
    assert [row[1] for row in get_rows(morgan.get(url(ACCESSES), {"actor": f"staff:{erin.user.pk}"}))] == ["erin"]
    assert [row[1] for row in get_rows(morgan.get(url(ACCESSES), {"q": "erin"}))] == ["erin"]
    assert len(get_rows(morgan.get(url(ACCESSES), {"q": "127.0.0.1"}))) == 1
    assert "Alice" not in page.text
    assert not PatientAccess.objects.filter(actor=f"staff:{morgan.user.pk}").exists()
    assert erin.get(url(ACCESSES)).status_code == 403
    assert "Who has seen this record" in get_text(morgan.get(url(PATIENTS, "change", visit.patient_id)))
    assert "Who has seen this record" not in get_text(erin.get(url(PATIENTS, "change", visit.patient_id)))


def test_accesses_cannot_be_changed_and_go_after_a_year_only(db):
    now = timezone.now()
    for days in (364, 366):
        PatientAccess.objects.create(
            action="view",
            actor="staff:1",
            patient_ids=[UUID(int=days)],
            page="p",
            created_at=now - timedelta(days=days),
        )
    for change in (lambda: PatientAccess.objects.update(actor="staff:2"), PatientAccess.objects.all().delete):
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            change()

    task()

    assert PatientAccess.objects.get().patient_ids == [UUID(int=364)]
    assert forget_old_accesses() == 0
