"""ETags: what has not changed is not sent again, and what is written differently is another version."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import Appointment, Hold
from scheduling.models import Clinician, Service
from tests.conftest import make_clinician
from tests.ledger import lapse


@pytest.fixture
def hold(api, consultation, dana, at):
    body = {"appointment_type_id": str(consultation.pk), "start_time": at(15).isoformat()}
    return api.post("/holds", body).json()["data"]["id"]


@pytest.fixture
def paths(book, at, hold, dana, harbour, consultation, order):
    visit = book(at(10))
    return [
        f"/appointments/{visit.pk}",
        f"/holds/{hold}",
        f"/patients/{visit.patient_id}",
        f"/orders/{order.pk}",
        f"/clinicians/{dana.pk}",
        f"/locations/{harbour.pk}",
        f"/appointment-types/{consultation.pk}",
    ]


@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"x", {}', '{} , W/"y"'])
def test_reader_of_the_same_version_gets_304_without_a_body(api, paths, wrap):
    for path in paths:
        read = api.get(path)

        again = api.get(path, if_none_match=wrap.format(read["ETag"]))

        assert (again.status_code, again.content, again["ETag"]) == (304, b"", read["ETag"]), path
        assert "Content-Type" not in again.headers
        assert again.headers.get("Cache-Control") == read.headers.get("Cache-Control")
        assert again["X-Request-Id"]


def test_reader_of_anything_gets_304_and_of_another_version_200(api, paths):
    for path in paths:
        assert api.get(path, if_none_match="*").status_code == 304
        for tag in ('"x"', "", "x", api.get(path)["ETag"].strip('"')):
            assert api.get(path, if_none_match=tag).status_code == 200


def test_head_of_the_same_version_is_304(api, paths):
    for path in paths:
        assert api("HEAD", path, if_none_match=api.get(path)["ETag"]).status_code == 304


def test_change_makes_another_version(api, paths):
    for path in paths:
        if path.startswith("/holds"):
            continue
        seen = api.get(path)["ETag"]
        changed = api.patch(path, {"metadata": {"a": "b"}})["ETag"]
        assert api.get(path, if_none_match=seen).status_code == 200
        assert api.get(path, if_none_match=changed).status_code == 304, path


def test_if_none_match_of_a_change_is_not_looked_at(api, paths):
    for path in paths:
        if not path.startswith("/holds"):
            assert api.patch(path, {}, if_none_match=api.get(path)["ETag"]).status_code == 200


def test_hold_that_runs_out_is_another_version(api, hold):
    seen = api.get(f"/holds/{hold}")["ETag"]
    row = Hold.objects.get(pk=hold)
    lapse(row)
    Hold.objects.filter(pk=hold).update(updated_at=row.updated_at)

    answer = api.get(f"/holds/{hold}", if_none_match=seen)

    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "expired")


def test_appointment_that_can_no_longer_be_changed_is_another_version(api, book, at):
    visit = book(at(10))
    seen = api.get(f"/appointments/{visit.pk}")["ETag"]
    Service.objects.update(cancellation_notice=timedelta(days=30))

    answer = api.get(f"/appointments/{visit.pk}", if_none_match=seen)

    assert (answer.status_code, answer.json()["data"]["can_cancel"]) == (200, False)
    assert Appointment.objects.get().updated_at == visit.updated_at


def test_expanded_answer_is_another_version_and_changes_with_its_parts(api, book, at, dana):
    path, query = f"/appointments/{book(at(10)).pk}", {"expand": "clinician"}
    plain, expanded = api.get(path)["ETag"], api.get(path, query=query)["ETag"]

    assert api.get(path, query=query, if_none_match=plain).status_code == 200
    assert api.get(path, if_none_match=expanded).status_code == 200
    assert api.get(path, query=query, if_none_match=expanded).status_code == 304
    Clinician.objects.update(name="Dana Stone")
    assert api.get(path, query=query, if_none_match=expanded).status_code == 200
    assert api.get(path, if_none_match=plain).status_code == 304


def test_change_heeds_the_version_however_it_was_read(api, book, at):
    path = f"/appointments/{book(at(10)).pk}"
    expanded = api.get(path, query={"expand": "clinician"})["ETag"]

    assert api.patch(path, {"notes": "Knee."}, if_match=expanded).status_code == 200
    assert api.patch(path, {"notes": "Hip."}, if_match=expanded).status_code == 412
    for tag in (f"W/{api.get(path)['ETag']}", api.get(path)["ETag"].strip('"'), '"x"', ""):
        assert api.patch(path, {"notes": "Hip."}, if_match=tag).status_code == 412


def test_clinician_with_another_service_is_another_version(api, dana, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[])
    seen = api.get(f"/clinicians/{otis.pk}")["ETag"]

    otis.services.add(consultation)

    assert api.get(f"/clinicians/{otis.pk}", if_none_match=seen).status_code == 200
    assert otis.updated_at < timezone.now()
