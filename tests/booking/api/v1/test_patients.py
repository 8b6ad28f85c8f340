"""Patients over the API: searched, listed, written down, read, changed."""

from uuid import uuid4

import pytest

from booking.models import Event
from patients.matching import match_patient
from patients.models import Patient
from tests.ledger import nothing_changes

PERSON = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "Alice@Example.org",
    "phone": "020 7946 0123",
    "nhs_number": "999 000 0018",
}


def problem(response):
    return response.status_code, response.json()["code"]


def test_created_patient_has_all_members(api):
    response = api.post("/patients", PERSON)

    patient = Patient.objects.get()
    assert response.json()["data"] == {
        "id": str(patient.pk),
        "first_name": "Alice",
        "last_name": "Archer",
        "date_of_birth": "1985-04-12",
        "email": "alice@example.org",
        "phone": "+442079460123",
        "nhs_number": "9990000018",
        "external_id": "",
        "metadata": {},
        "archived_at": None,
        "merged_into_id": None,
        "created_at": patient.created_at.isoformat(),
        "updated_at": patient.updated_at.isoformat(),
    }
    assert response.status_code == 201
    assert response["Location"] == f"http://testserver/api/v1/patients/{patient.pk}"
    assert response["Cache-Control"] == "no-store"
    read = api.get(f"/patients/{patient.pk}")
    assert (read.json()["data"], read["ETag"]) == (response.json()["data"], response["ETag"])


@pytest.mark.parametrize(
    "names", [{"first_name": "Suharto"}, {"first_name": "Suharto", "last_name": ""}, {"last_name": "Suharto\u200b"}]
)
def test_patient_with_one_name_is_created_found_and_cannot_lose_it(names, api):
    person = {name: value for name, value in PERSON.items() if name not in ("first_name", "last_name")} | names
    made = api.post("/patients", person).json()["data"]

    [name] = {"first_name", "last_name"} - {name for name in names if names[name]}
    [kept] = {"first_name", "last_name"} - {name}
    assert (made[name], made[kept]) == ("", "Suharto")
    assert [found["id"] for found in api.get("/patients?search=suharto").json()["data"]] == [made["id"]]
    with nothing_changes():
        response = api.patch(f"/patients/{made['id']}", {kept: ""})
    assert [error["code"] for error in response.json()["errors"]] == ["no_name"]


def test_what_nobody_sees_is_dropped_so_that_one_person_is_written_once(api):
    unseen = {"first_name": "\ufeffAli\u00adce", "last_name": "Archer\u200f", "email": "alice\u200b@example.org\u200b"}
    made = api.post("/patients", {**PERSON, **unseen, "external_id": "\u20667\u2069", "metadata": {"a\u200b": "b\x07"}})
    patient = Patient.objects.get()
    assert (str(patient), patient.email) == ("Alice Archer", "alice@example.org")
    assert (patient.external_id, patient.metadata) == ("7", {"a": "b"})

    with nothing_changes():
        again = api.post("/patients", {**PERSON, "nhs_number": ""})

    assert (problem(again), again.json()["patient_id"]) == ((409, "patient-exists"), made.json()["data"]["id"])


@pytest.mark.parametrize(
    "name", [{"last_name": "O‘Neil"}, {"last_name": "OʼNeil"}, {"last_name": "O`Neil"}, {"first_name": "ŁUKASZ"}]
)
def test_patient_in_another_spelling_exists_already(name, api):
    api.post("/patients", {**PERSON, "first_name": "Lukasz", "last_name": "O'Neil"})

    with nothing_changes():
        response = api.post(
            "/patients", {**PERSON, "first_name": "Lukasz", "last_name": "O'Neil", "nhs_number": ""} | name
        )

    assert problem(response) == (409, "patient-exists")


def test_identical_patient_is_409_with_its_id_unless_duplicate_is_allowed(api):
    first = api.post("/patients", PERSON).json()["data"]
    duplicate = {**PERSON, "first_name": "ALICE ", "nhs_number": ""}

    with nothing_changes():
        refused = api.post("/patients", duplicate)
    made = api.post("/patients", {**duplicate, "allow_duplicate": True})

    assert (problem(refused), refused.json()["patient_id"]) == ((409, "patient-exists"), first["id"])
    assert (made.status_code, made.json()["data"]["id"] == first["id"]) == (201, False)


def test_nhs_number_of_another_patient_is_409(api):
    api.post("/patients", PERSON)

    with nothing_changes():
        response = api.post("/patients", {**PERSON, "first_name": "Bob", "email": "bob@example.org"})

    assert response.status_code in (400, 409)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"first_name": "", "last_name": "\u200b"}, ["first_name"]),
        ({"first_name": None, "last_name": None}, ["first_name", "last_name"]),
        ({"date_of_birth": "1899-12-31"}, ["date_of_birth"]),
        ({"date_of_birth": "12/04/1985"}, ["date_of_birth"]),
        ({"email": "alice"}, ["email"]),
        ({"email": "alice@example.org\r\nBcc: x@example.org"}, ["email"]),
        ({"phone": "12"}, ["phone"]),
        ({"nhs_number": "9990000019"}, ["nhs_number"]),
        ({"surname": "x"}, ["surname"]),
    ],
)
def test_invalid_patient_is_400_naming_the_fields(changes, fields, api):
    response = api.post("/patients", {**PERSON, **changes})

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/{field}" for field in fields]
    assert not Patient.objects.exists()


def test_patch_changes_only_the_members_sent(api):
    made = api.post("/patients", PERSON).json()["data"]

    response = api.patch(f"/patients/{made['id']}", {"last_name": "Stone", "phone": ""})

    changed = response.json()["data"]
    assert changed == {**made, "last_name": "Stone", "phone": "", "updated_at": changed["updated_at"]}
    assert response["ETag"] == api.get(f"/patients/{made['id']}")["ETag"]
    assert [each["id"] for each in api.get("/patients", query={"search": "stone alice"}).json()["data"]] == [made["id"]]


def test_patch_with_write_scope_only_answers_with_the_id(api, with_key, make_key):
    made = api.post("/patients", PERSON).json()["data"]
    writer = with_key(make_key(scopes=["write_patients"])[1])

    response = writer.patch(f"/patients/{made['id']}", {"phone": "020 7946 0000"})

    changed = api.get(f"/patients/{made['id']}")
    assert response.json()["data"] == {"id": made["id"], "updated_at": changed.json()["data"]["updated_at"]}
    assert writer.patch(f"/patients/{made['id']}", {}, if_match=response["ETag"]).status_code == 200
    assert changed.json()["data"]["phone"] == "+442079460000"


def test_patch_with_outdated_etag_is_412(api):
    made = api.post("/patients", PERSON)
    path = f"/patients/{made.json()['data']['id']}"
    changed = api.patch(path, {"phone": ""}, if_match=made["ETag"])

    with nothing_changes():
        late = api.patch(path, {"phone": "020 7946 0000"}, if_match=made["ETag"])

    assert (changed.status_code, problem(late)) == (200, (412, "changed-meanwhile"))
    assert api.patch(path, {"phone": "020 7946 0000"}, if_match=changed["ETag"]).status_code == 200


def test_invalid_patch_changes_nothing(api):
    made = api.post("/patients", PERSON).json()["data"]

    with nothing_changes():
        response = api.patch(f"/patients/{made['id']}", {"last_name": "Stone", "email": "x"})

    assert problem(response) == (400, "validation")


def test_archived_patient_is_404(api, alice):
    alice.archived_at = "2026-01-01T00:00Z"
    alice.save()

    path = f"/patients/{alice.pk}"
    answers = [api.get(path), api.patch(path, {}), api.get(f"/patients/{uuid4()}")]

    assert [problem(response) for response in answers] == [(404, "not-found")] * 3
    assert api.get("/patients").json()["data"] == api.get("/patients", query={"search": "alice"}).json()["data"] == []


def test_search_as_in_the_guide_has_the_best_match_first(api):
    for first, last in [("Alison", "Archibald"), ("Alice", "Archer"), ("Bob", "Stone")]:
        api.post("/patients", {**PERSON, "first_name": first, "last_name": last, "nhs_number": ""})

    response = api.get("/patients", query={"search": "alice arch", "limit": 10})

    assert [each["last_name"] for each in response.json()["data"]] == ["Archer"]
    assert response.json()["data"][0] == api.get(f"/patients/{response.json()['data'][0]['id']}").json()["data"]
    assert response.json()["meta"] == {"request_id": response["X-Request-Id"], "next_cursor": None, "has_more": False}
    assert response["Cache-Control"] == "no-store"
    two = api.get("/patients", query={"search": "1985-04-12", "limit": 2}).json()["data"]
    assert len(two) == 2


def test_patients_without_search_are_listed_in_pages(api):
    made = [
        api.post("/patients", {**PERSON, "first_name": name, "nhs_number": ""}).json()["data"]["id"]
        for name in ("Alice", "Bob", "Carol")
    ]
    first = api.get("/patients", query={"limit": 2}).json()

    second = api.get("/patients", query={"limit": 2, "cursor": first["meta"]["next_cursor"], "search": ""}).json()

    assert [each["id"] for each in first["data"] + second["data"]] == made
    assert (first["meta"]["has_more"], second["meta"]["has_more"]) == (True, False)


def test_phone_with_extension_is_answered_as_rfc_3966_writes_it(api):
    made = api.post("/patients", PERSON | {"phone": "020 7946 0123 ext. 204"}).json()["data"]

    assert made["phone"] == "tel:+442079460123;ext=204"
    stored = Patient.objects.get()
    assert (stored.phone, stored.phone_extension) == ("+442079460123", "204")
    again = api.patch(f"/patients/{made['id']}", {"phone": made["phone"]}).json()["data"]
    assert again["phone"] == made["phone"]
    assert api.patch(f"/patients/{made['id']}", {"phone": "020 7946 0199"}).json()["data"]["phone"] == "+442079460199"
    assert Patient.objects.get().phone_extension == ""
    changes = Event.objects.filter(kind="patient.updated").values_list("data", flat=True)
    assert list(changes) == [{"changed": ["phone"]}]


def test_phone_that_is_none_is_refused_unless_secret_key_insists(api, public_api):
    person = PERSON | {"phone": "07700 900123"}
    with nothing_changes():
        refusal = api.post("/patients", person)
    [error] = refusal.json()["errors"]
    assert (refusal.status_code, error["pointer"], error["code"]) == (400, "#/phone", "invalid")
    assert error["detail"].startswith("There is no such phone number in this country (GB). Write one such as 020 7946")

    made = api.post("/patients", person | {"phone_unchecked": True}).json()["data"]
    assert made["phone"] == "+447700900123"
    # What is stored is judged again only when it is changed.
    changed = api.patch(f"/patients/{made['id']}", {"first_name": "Ada", "phone": "+447700900123"})
    assert (changed.status_code, changed.json()["data"]["phone"]) == (200, "+447700900123")
    assert api.patch(f"/patients/{made['id']}", {"phone": "+447700900124"}).status_code == 400

    del person["nhs_number"]
    [unknown] = public_api.post("/patients", person | {"phone_unchecked": True}).json()["errors"]
    assert (unknown["pointer"], unknown["code"]) == ("#/phone_unchecked", "unknown")


def test_patch_of_record_with_name_of_older_rules_changes_the_rest(api):
    carl = match_patient(Patient(first_name="Carl 2", last_name="carl.example/x", email="carl@example.org"))

    again = api.patch(f"/patients/{carl.pk}", {"first_name": "Carl 2", "phone": "+442079460001"})
    other = api.patch(f"/patients/{carl.pk}", {"first_name": "Carl 3"})

    assert (again.status_code, again.json()["data"]["phone"]) == (200, "+442079460001")
    assert (other.status_code, other.json()["errors"]) == (
        400,
        [
            {
                "pointer": "#/first_name",
                "code": "digit",
                "detail": "Please write the name without digits: Third or III for 3rd.",
            }
        ],
    )
    carl.refresh_from_db()
    assert (carl.first_name, carl.last_name) == ("Carl 2", "carl.example/x")
