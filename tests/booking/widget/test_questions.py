"""The questions of a service in the booking form, on the check page, and by the appointment's link."""

from django.core import mail

from booking.access.patient_links import appointment_token
from booking.domain.questions import read_answered, save_question
from booking.models import AnswerSheet, Appointment, Question
from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due


def name(question):
    return f"question-{question.pk.hex}-{question.version}"


def test_answers_go_from_the_form_over_the_check_to_the_appointment(client, held, typed, smoker, years):
    form = client.get(f"/hold/{held.token}/")
    assert "Only if you answer “Do you smoke?” with: Yes" in Page(form).text
    sent = typed | {"question-asked": "", name(smoker): "yes", name(years): "7,5"}

    check = Page(client.post(f"/hold/{held.token}/check", sent))
    assert "Do you smoke? Yes For how many years? 7.5" in check.text
    assert (check.inputs[name(smoker)], check.inputs[name(years)]) == ("yes", "7,5")
    assert client.post(f"/hold/{held.token}/confirm", sent).status_code == 303

    visit = Appointment.objects.get()
    assert read_answered(visit.pk) == {smoker.pk: True, years.pk: 7.5}
    page = client.get(f"/appointment/{appointment_token(visit)}/questions").content.decode()
    assert "7.5" not in page and "checked" not in page


def test_form_with_a_missing_or_bad_answer_keeps_all_that_was_typed(client, held, typed, smoker, years):
    for answers, error in (
        ({}, "Please choose an answer."),
        ({name(smoker): "yes"}, "Please answer this question."),
        ({name(smoker): "yes", name(years): "a few"}, "Please answer with a number."),
    ):
        with nothing_changes():
            response = client.post(f"/hold/{held.token}/check", typed | {"question-asked": ""} | answers)

        page = Page(response)
        assert response.status_code == 422
        assert error in page.text
        assert page.inputs["first_name"] == "Alice"
        assert page.inputs[name(years)] == answers.get(name(years), "")


def test_answer_to_a_question_that_has_changed_is_looked_at_again(client, held, typed, smoker):
    before = name(smoker)
    smoker.text = "Have you ever smoked?"
    save_question(smoker)

    response = client.post(f"/hold/{held.token}/check", typed | {"question-asked": "", before: "yes"})

    assert response.status_code == 422
    assert "This question has changed. Please look at your answer again." in Page(response).text


def test_form_from_before_the_questions_books_and_the_mail_asks(client, held, typed, smoker, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    assert client.post(f"/hold/{held.token}/confirm", typed).status_code == 303

    visit = Appointment.objects.get()
    path = f"/appointment/{appointment_token(visit)}/questions"
    run_what_is_due()
    assert f"https://booking.clinic.example{path}" in mail.outbox[-1].body
    assert path in Page(client.get(f"/appointment/{appointment_token(visit)}/")).links
    assert client.post(path, {"question-asked": ""}).status_code == 422
    assert not AnswerSheet.objects.exists()
    assert client.post(path, {"question-asked": "", name(smoker): "no"}).status_code == 303
    assert read_answered(visit.pk) == {smoker.pk: False}


def test_questions_are_asked_in_the_reader_s_language(client, held, smoker):
    save_question(Question(kind="accessibility", position=2))

    text = Page(client.get(f"/de/hold/{held.token}/")).text
    assert "Rauchen Sie?" in text and "Große Schrift" in text and "Large print" not in text


def test_optional_needs_are_folded_until_one_is_given(client, held, typed):
    save_question(Question(kind="interpreter", position=1))
    language = Question.objects.get()
    assert '<details class="answered needs">' in client.get(f"/hold/{held.token}/").content.decode()

    filled = typed | {"email": "", "question-asked": "", name(language): "BSL"}
    response = client.post(f"/hold/{held.token}/check", filled)

    assert response.status_code == 422
    assert '<details class="answered needs" open>' in response.content.decode()
