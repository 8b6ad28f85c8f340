"""What is read without a form is what the form reads."""

import json
from datetime import date
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking.api.parsers import Members, read_json
from booking.api.v1.holds import ConfirmInput, PlaceInput
from booking.api.v1.plain_bodies import PERSON, read_confirm_body, read_place_body
from booking.domain.approvals import ApprovalTimeouts
from booking.domain.slot_selection import OpeningRequest
from booking.models import ApiKey
from patients.models import Patient

ALICE = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "Alice@Example.org",
    "phone": "020 7946 0123 x204",
}
PLACE = {"start_time": "2026-03-30T09:00:00+01:00"}


@pytest.fixture
def context(db, make_key, harbour):
    """What both are told: the key, and a hold at Harbour Street."""
    return {"key": make_key()[0], "booking": SimpleNamespace(location=harbour), "origin": None}


def read_by_form(form, body, context):
    """Return the fields, or None for a body that the form refuses."""
    read = form(data=body, context=context)
    return describe(read.validated_data) if read.is_valid() else None


def describe(fields):
    """Return fields with all that their objects have, but a new patient's random id."""
    described = dict(fields)
    if opening := described.get("opening"):
        named = (opening.service, opening.clinician, opening.location)
        described["opening"] = [opening, *(thing and vars(thing) | {"_state": None} for thing in named)]
    if patient := described.get("patient"):
        values = {field.attname: getattr(patient, field.attname) for field in Patient._meta.concrete_fields}
        described["patient"] = values | {"id": None if patient._state.adding else patient.pk}
    return described


def assert_reads_like(form, read, body, context):
    fields = read(body, context)
    assert fields is None or describe(fields) == read_by_form(form, body, context), body


# Placing


@pytest.mark.parametrize("places", [[], ["clinician_id"], ["location_id"], ["clinician_id", "location_id"]])
def test_ids_and_start_are_read_without_form(context, consultation, dana, harbour, at, places):
    ids = {"clinician_id": str(dana.pk), "location_id": str(harbour.pk)}
    body = Members(
        [
            ("appointment_type_id", str(consultation.pk)),
            *[(name, ids[name]) for name in places],
            ("start_time", at(9).isoformat()),
        ]
    )

    assert read_place_body(body, context) == {
        "opening": OpeningRequest(
            consultation,
            at(9),
            clinician=dana if "clinician_id" in places else None,
            location=harbour if "location_id" in places else None,
        )
    }
    assert_reads_like(PlaceInput, read_place_body, body, context)


@pytest.mark.parametrize(
    "change",
    [
        {"start_time": "2026-03-30T09:00:00Z"},
        {"start_time": "2026-03-30T09:00:00.25+0100"},
        {"start_time": "2026-03-30 09:00:00+01:00"},
        {"start_time": "2026-03-30T09:00:00"},
        {"start_time": "09:00"},
        {"start_time": "1999-03-30T09:00:00Z"},
        {"start_time": "٢٠٢٦-03-30T09:00:00Z"},
        {"start_time": 1774857600},
        {"start_time": None},
        {"clinician_id": None},
        {"clinician_id": ""},
        {"clinician_id": "5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04"},
        {"location_id": "5D2F4E8A3B1C4D6FA7E98C0B1A2D3F04"},
        {"appointment_type_id": "no id"},
        {"appointment_type_id": ["5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04"]},
        {"is_remote": True},
        {"metadata": {"room": "4"}},
        {"start_dat": "2026-03-30"},
        {"booking_key": "…"},
    ],
    ids=str,
)
def test_other_bodies_are_read_like_by_the_form_or_left_to_it(context, consultation, dana, change):
    usual = {"appointment_type_id": str(consultation.pk), "clinician_id": str(dana.pk), **PLACE}
    body = Members(list((usual | change).items()))

    assert_reads_like(PlaceInput, read_place_body, body, context)


def test_names_given_twice_are_left_to_the_form(context, consultation):
    place = json.dumps({"appointment_type_id": str(consultation.pk), **PLACE})[:-1]
    twice = read_json(f'{place}, "start_time": "2026-03-30T10:00:00Z"}}'.encode())
    person = json.dumps(ALICE)[:-1]

    assert read_place_body(twice, context) is None
    assert read_confirm_body(read_json(f'{{"patient": {person}, "phone": ""}}}}'.encode()), context) is None
    assert read_confirm_body(read_json(f'{{"patient": {person}}}, "patient": {person}}}}}'.encode()), context) is None


# Confirming


def confirm(**changes):
    return Members([("patient", Members([(name, value) for name, value in (ALICE | changes).items() if value != ...]))])


def test_new_patient_is_read_without_form(context):
    fields = read_confirm_body(confirm(), context)

    patient = fields["patient"]
    assert (patient.first_name, patient.last_name, patient.email) == ("Alice", "Archer", "alice@example.org")
    assert (patient.date_of_birth, patient.phone, patient.phone_extension) == (
        date(1985, 4, 12),
        "+442079460123",
        "204",
    )
    assert fields == {
        "patient": patient,
        "attendee": patient.contact,
        "draft": None,
        "timeouts": ApprovalTimeouts(is_async=False),
    }
    assert_reads_like(ConfirmInput, read_confirm_body, confirm(), context)


@pytest.mark.parametrize(
    "changes",
    [
        {"phone": ...},
        {"phone": ""},
        {"phone": "ask at the desk"},
        {"phone": "+49 30 901820"},
        {"first_name": ...},
        {"first_name": "", "last_name": ""},
        {"first_name": " Ali\u200bce "},
        {"first_name": "Ali\0ce"},
        {"first_name": "Ali\u202ece"},
        {"first_name": "Zoë\tMaria"},
        {"last_name": "evil.example"},
        {"last_name": "a" * 100},
        {"last_name": "a" * 101},
        {"last_name": None},
        {"email": ...},
        {"email": ""},
        {"email": " ALICE@EXAMPLE.ORG "},
        {"email": "alice"},
        {"email": f"{'a' * 250}@example.org"},
        {"date_of_birth": ...},
        {"date_of_birth": "1985-4-2"},
        {"date_of_birth": "1985-02-30"},
        {"date_of_birth": "1885-04-12"},
        {"date_of_birth": "2999-04-12"},
        {"date_of_birth": " 1985-04-12"},
        {"date_of_birth": 19850412},
        {"nickname": "Al"},
        {"phone_unchecked": True},
    ],
    ids=str,
)
def test_person_is_read_like_by_the_form_or_left_to_it(context, changes):
    assert_reads_like(ConfirmInput, read_confirm_body, confirm(**changes), context)


# Of what people write, and what is hard about it.
TEXTS = st.text(st.sampled_from("Aé ß1.@-'+/\t\n\0\u200b\u202eأ名"), max_size=8) | st.sampled_from(
    [*ALICE.values(), ""]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(PERSON)), TEXTS))
def test_any_person_is_read_like_by_the_form_or_left_to_it(context, changes):
    assert_reads_like(ConfirmInput, read_confirm_body, confirm(**changes), context)


def test_known_patient_is_read_without_form(context, alice):
    alice.save()
    body = Members([("patient_id", str(alice.pk))])

    assert read_confirm_body(body, context)["patient"] == alice
    assert_reads_like(ConfirmInput, read_confirm_body, body, context)


def test_patient_whom_the_key_may_not_know_is_left_to_the_form(context, make_key, public_api, alice, book, at):
    book(at(9))
    body = Members([("patient_id", str(alice.pk))])
    blind, _ = make_key(scopes=[ApiKey.Scope.WRITE_HOLDS])
    public = ApiKey.objects.get(kind="publishable")

    assert read_confirm_body(body, context | {"key": blind}) is None
    assert read_confirm_body(body, context | {"key": public}) is None
    Patient.objects.update(archived_at=alice.created_at)
    assert read_confirm_body(body, context) is None


@pytest.mark.parametrize(
    "more", [{"notes": "Hello"}, {"metadata": {}}, {"patient_id": None}, {"async_confirmation": True}]
)
def test_anything_else_beside_the_patient_is_left_to_the_form(context, more):
    assert read_confirm_body(Members([*confirm().items(), *more.items()]), context) is None
