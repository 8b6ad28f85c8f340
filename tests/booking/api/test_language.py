"""The API speaks English, whatever language is asked for or spoken elsewhere."""

import pytest
from django.utils import translation

from booking.api.problems import PROBLEMS
from tests.ledger import nothing_changes
from tests.pseudo_locale import find_untranslated


@pytest.fixture
def ask(api):
    """Send requests that are refused, and return the answers without what differs each time."""

    def ask(**headers):
        answers = [
            api.get("/holds/nothing", **headers),
            api.post("/holds", {"start_dat": "x"}, **headers),
            api.post(
                "/patients", {"first_name": "\u202e", "phone": "x", "email": "x", "date_of_birth": "1"}, **headers
            ),
        ]
        bodies = [answer.json() for answer in answers]
        for body in bodies:
            del body["request_id"]
        return bodies

    return ask


def test_answers_with_accept_language_stay_the_same(ask, consultation):
    with nothing_changes():
        assert ask(accept_language="de, fr;q=0.5") == ask()


def test_answers_while_another_language_is_active_stay_the_same(ask, consultation, pseudo_locale):
    with translation.override("en-gb"):
        english = ask()

    assert ask() == english


def test_problem_title_in_another_language_is_english_and_its_message_is_not(pseudo_locale):
    messages = {exception: row for exception, row in PROBLEMS.items() if not row.title}

    assert len(messages) > 20
    for exception, row in messages.items():
        assert find_untranslated(str(exception.message)) == []
        assert str(exception.message) == f"⟦{row.get_title(exception)}⟧"
