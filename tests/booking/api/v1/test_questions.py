"""The questions of a service over the API: which there are, answers with a booking, and answers to read."""

import pytest

from booking.access.api_keys import create_key
from booking.domain.questions import read_answered, save_question
from booking.models import AnswerSheet, ApiKey, Appointment, OutboxMessage, PatientAccess, Question
from tests.booking.api.conftest import Caller
from tests.booking.api.v1.test_confirm import PERSON
from tests.ledger import nothing_changes


@pytest.fixture
def hold(api, consultation, dana, at):
    """The id of a hold that the server has placed."""
    opening = {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}
    return api.post("/holds", opening).json()["data"]["id"]


@pytest.fixture
def confirm(api, hold):
    """Confirm the hold with answers: ``confirm((smoker, True))``."""

    def confirm(*answers):
        sent = [{"question_id": str(question.pk), "value": value} for question, value in answers]
        return api.post(f"/holds/{hold}/confirm", {"patient": PERSON, "answers": sent})

    return confirm


def test_questions_of_a_service_are_listed_in_order(api, consultation, years, smoker):
    response = api.get(f"/appointment-types/{consultation.pk}/questions")

    assert response.json()["data"] == [
        {
            "id": str(smoker.pk),
            "version": 1,
            "kind": "yes_no",
            "text": "Do you smoke?",
            "help_text": "",
            "options": [],
            "is_required": True,
            "depends_on_id": None,
            "depends_on_answers": [],
        },
        {
            "id": str(years.pk),
            "version": 1,
            "kind": "number",
            "text": "For how many years?",
            "help_text": "",
            "options": [],
            "is_required": True,
            "depends_on_id": str(smoker.pk),
            "depends_on_answers": ["yes"],
        },
    ]


def test_confirm_keeps_answers_and_tells_them_to_nobody(confirm, smoker, years):
    response = confirm((smoker, True), (years, 12))

    assert response.status_code == 201
    assert "answers" not in response.json()["data"]
    assert read_answered(Appointment.objects.get().pk) == {smoker.pk: True, years.pk: 12}
    assert not [each for each in OutboxMessage.objects.values_list("payload", flat=True) if "smoke" in str(each)]
    assert b"smoke" not in bytes(AnswerSheet.objects.get().answers)


def test_confirm_without_a_required_answer_is_taken_and_asked_later(confirm, smoker, years):
    assert confirm((years, 12)).status_code == 201  # it does not apply

    assert read_answered(Appointment.objects.get().pk) == {}


def test_confirm_with_bad_answers_says_which(confirm, smoker, years, consultation):
    other = Question(service=consultation, text="A note?", is_active=False)
    save_question(other)

    with nothing_changes():
        response = confirm((smoker, True), (years, "twelve"), (other, "No."))

    assert response.status_code == 400
    assert response.json()["errors"] == [
        {"pointer": "#/answers/2/question_id", "code": "does_not_exist", "detail": "The service has no such question."},
        {"pointer": "#/answers/1/value", "code": "invalid", "detail": "Please answer with a number."},
    ]


def test_answers_are_read_with_their_scope_only_and_written_down(api, confirm, smoker, years):
    appointment = confirm((smoker, False)).json()["data"]
    scopes = [ApiKey.Scope.READ_APPOINTMENTS, ApiKey.Scope.READ_APPOINTMENT_TYPES]
    narrow = Caller(api.client, create_key(name="desk", kind="secret", scopes=scopes)[1])
    path = f"/appointments/{appointment['id']}?expand=answers"

    refused = narrow.get(path)
    assert not PatientAccess.objects.filter(page__endswith="appointments/<uuid:id>").exists()
    read = api.get(path)

    assert (refused.status_code, refused.json()["scope"]) == (403, "read_answers")
    assert read.json()["data"]["answers"]["answers"] == [
        {"question_id": str(smoker.pk), "version": 1, "kind": "yes_no", "text": "Do you smoke?", "value": False}
    ]
    assert PatientAccess.objects.filter(page__endswith="appointments/<uuid:id>", action="api_read").exists()
