"""Questions before a visit: their versions, which of them apply, what an answer may be, and where answers are kept."""

import pytest
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, connection, transaction

from booking.domain.appointments import check_identity, complete
from booking.domain.confirmation import confirm_hold
from booking.domain.erasure import erase_patient
from booking.domain.patient_export import export_patient
from booking.domain.patients import merge, register
from booking.domain.questions import (
    Answer,
    AnswersClosed,
    change_answers,
    check_answer,
    collect_answers,
    get_question_state,
    read_answered,
    read_sheets,
    save_question,
)
from booking.domain.verification import verify_appointment
from booking.models import AnswerSheet, Question, QuestionVersion
from patients.models import Needs, Patient
from tests.ledger import begin, nothing_changes


def test_changed_question_is_a_new_version_and_answers_keep_theirs(ask, book, at):
    pain = ask("choice", "How bad is the pain?", options="Mild\nBad")
    visit = book(at(9))
    assert change_answers(visit, {pain.pk: "Bad"}, actor="patient") == {}

    pain.text, pain.options = "How strong is the pain?", "Weak\nStrong"
    save_question(pain)
    pain.position = 7
    save_question(pain)

    assert [(each.number, each.text) for each in QuestionVersion.objects.all()] == [
        (1, "How bad is the pain?"),
        (2, "How strong is the pain?"),
    ]
    [sheet] = read_sheets(visit.pk)
    assert [(given.question.text, given.value) for given in sheet.given] == [("How bad is the pain?", "Bad")]


@pytest.mark.django_db
def test_what_was_asked_and_answered_cannot_be_changed(ask, book, at):
    pain = ask("text", "What hurts?")
    change_answers(book(at(9)), {pain.pk: "My knee"}, actor="patient")

    for statement in (
        "UPDATE booking_questionversion SET text = 'Else?'",
        "DELETE FROM booking_questionversion",
        "UPDATE booking_answersheet SET actor = 'staff:1'",
    ):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_question_that_does_not_apply_is_neither_demanded_nor_kept(ask):
    smoker = ask("yes_no", "Do you smoke?")
    years = ask("number", "For how many years?", after=(smoker, "yes"))
    questions = [smoker, years]

    assert collect_answers(questions, {smoker.pk: False, years.pk: 3}, is_complete=True) == (
        [Answer(smoker, False)],
        {},
    )
    _, errors = collect_answers(questions, {smoker.pk: True}, is_complete=True)
    assert {id: error.code for id, error in errors.items()} == {years.pk: "required"}
    _, errors = collect_answers(questions, {}, is_complete=True)
    assert errors.keys() == {smoker.pk}
    assert collect_answers(questions, {years.pk: 3}) == ([], {})


@pytest.mark.parametrize(
    ("kind", "good", "kept", "bad"),
    [
        ("text", " My\u200b knee ", "My knee", ["x" * 201, 7, "\u202e"]),
        ("long_text", "One\nTwo", "One\nTwo", ["x" * 2001, ["One"]]),
        ("choice", "Mild", "Mild", ["mild", ["Mild"], {}]),
        ("choices", ["Bad", "Mild", "Bad"], ["Mild", "Bad"], ["Mild", ["Worse"], [{}]]),
        ("yes_no", False, False, ["no", 0]),
        ("consent", True, True, ["on", 1]),
        ("date", "2026-02-28", "2026-02-28", ["2026-02-30", "1899-12-31", "20260228", 5]),
        ("number", 7.50001, 7.5, ["7", True, 10**9, float("nan"), float("inf")]),
    ],
)
def test_answer_is_kept_clean_and_bounded(kind, good, kept, bad):
    question = Question(kind=kind, text="?", options="Mild\nBad")

    assert check_answer(question, good) == kept
    for value in bad:
        with pytest.raises(ValidationError):
            check_answer(question, value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text": ""}, "text"),
        ({"kind": "choice", "options": "One"}, "options"),
        ({"kind": "choice", "options": "One\nOne"}, "options"),
        ({"depends_on_answers": "maybe"}, "depends_on_answers"),
        ({"position": 0}, "depends_on"),
        ({"service": None}, "depends_on"),
    ],
)
def test_question_that_makes_no_sense_is_refused(ask, consultation, changes, field):
    smoker = ask("yes_no", "Do you smoke?")
    fields = {"service": consultation, "text": "Since when?", "kind": "date", "position": 5}
    question = Question(**fields | {"depends_on": smoker, "depends_on_answers": "yes"} | changes)

    with pytest.raises(ValidationError) as error:
        question.full_clean()

    assert list(error.value.message_dict) == [field]


def test_question_state_where_nothing_is_answered_any_more_is_skipped(ask, book, at):
    pain = ask("text", "What hurts?", required=False)
    visit = book(at(9))
    change_answers(visit, {pain.pk: "My knee"}, actor="patient")
    change_answers(visit, {}, removed=[pain.pk], actor="patient")

    assert get_question_state(visit) == "skipped"


def test_answers_are_changed_until_the_visit_and_what_is_left_out_stays(ask, book, at):
    smoker = ask("yes_no", "Do you smoke?")
    years = ask("number", "For how many years?", after=(smoker, "yes"))
    pain = ask("text", "What hurts?", required=False)
    visit = book(at(9))
    assert get_question_state(visit) == "open"

    assert change_answers(visit, {smoker.pk: True, years.pk: 3, pain.pk: "My knee"}, actor="patient") == {}
    assert get_question_state(visit) == "answered"
    assert change_answers(visit, {smoker.pk: False}, actor="patient") == {}
    assert read_answered(visit.pk) == {smoker.pk: False, pain.pk: "My knee"}
    assert change_answers(visit, {}, removed=[pain.pk], actor="patient") == {}
    assert read_answered(visit.pk) == {smoker.pk: False}

    visit = begin(visit)
    with nothing_changes(), pytest.raises(AnswersClosed):
        change_answers(visit, {pain.pk: "My hip"}, actor="patient")


def test_answers_survive_a_change_of_the_secret_key(ask, book, at, settings):
    pain = ask("text", "What hurts?")
    visit = book(at(9))
    change_answers(visit, {pain.pk: "My knee"}, actor="patient")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [settings.SECRET_KEY]
    assert read_answered(visit.pk) == {pain.pk: "My knee"}
    settings.SECRET_KEY_FALLBACKS = []
    assert [sheet.is_readable for sheet in read_sheets(visit.pk)] == [False]


def test_needs_are_kept_with_a_patient_whose_booking_is_proven(ask, hold_time, at, alice):
    need, language = ask("accessibility", required=False), ask("interpreter", required=False)
    answers = [Answer(need, ["Large print"]), Answer(language, "BSL")]

    visit = confirm_hold(hold_time(at(9)), patient=alice, actor="staff:1", answers=answers)

    needs = Needs.objects.get()
    assert (needs.patient_id, needs.accessibility, needs.interpreter) == (visit.patient_id, "Large print", "BSL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT accessibility || interpreter FROM patients_needs")
        assert "print" not in cursor.fetchone()[0]


def test_needs_of_a_stranger_are_kept_once_staff_know_them(ask, book, at):
    need = ask("accessibility", required=False)
    visit = book(at(9))
    visit.verification = "waived"
    visit.save()

    change_answers(visit, {need.pk: ["Large print"]}, actor="patient")
    assert not Needs.objects.exists()
    check_identity(visit, actor="staff:1")

    assert Needs.objects.get().accessibility == "Large print"


def test_verified_address_of_another_changes_no_patients_needs(ask, book, at):
    """It was corrected after the record was found by the first one."""
    need = ask("accessibility", required=False)
    visit = book(at(9))
    visit.verification, visit.attendee_email = "waived", "mallory@example.org"
    visit.save()

    change_answers(visit, {need.pk: ["Large print"]}, actor="patient")
    verify_appointment(visit)
    change_answers(visit, {need.pk: ["Step-free access"]}, actor="patient")

    assert (visit.verification, Needs.objects.count()) == ("verified", 0)


def test_merge_keeps_what_both_records_need(db):
    keep = register(Patient(first_name="Ann", last_name="Archer", email="ann@example.org"), actor="staff:1")
    other = register(Patient(first_name="Anne", last_name="Archer", email="ann@example.org"), actor="staff:1")
    Needs.objects.create(patient=keep, accessibility="Large print")
    Needs.objects.create(patient=other, accessibility="Large print\nStep-free access", interpreter="BSL")

    merge(keep=keep, duplicate=other, actor="staff:1")

    needs = Needs.objects.get()
    assert (needs.patient_id, needs.lines) == (
        keep.pk,
        ["Large print", "Step-free access", "An interpreter: BSL"],
    )


def test_export_has_answers_and_erasure_takes_them(ask, book, at, settings):
    settings.RETENTION_YEARS = 0
    pain = ask("text", "What hurts?")
    visit = book(at(9))
    change_answers(visit, {pain.pk: "My knee"}, actor="patient")
    Needs.objects.create(patient=visit.patient, accessibility="Large print")

    export = export_patient(visit.patient_id)
    assert [each["answers"] for each in export["answers"]] == [{"What hurts?": "My knee"}]
    assert [each["accessibility"] for each in export["needs"]] == ["Large print"]

    complete(begin(visit), actor="erin")
    erase_patient(visit.patient_id, actor="staff:7")

    assert not AnswerSheet.objects.exists()
    assert not Needs.objects.exists()
