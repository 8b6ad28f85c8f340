"""A page with a publishable key where many people book: what waits for a link, and what is not held without proof."""

from datetime import timedelta

import pytest

from booking.domain.expiry import cancel_unanswered
from booking.models import Appointment, Hold
from patients.models import Patient
from scheduling.lib.clock import database_now
from tests.booking.api.conftest import SITE
from tests.booking.api.test_sameness import BOB, PERSON
from tests.booking.api.test_sameness import shape as shape_of_same_phone
from tests.ledger import nothing_changes

CAROL = {**BOB, "phone": "020 7946 0124"}


def shape(response):
    """What is the same in the answers to both people."""
    status, text, headers = shape_of_same_phone(response)
    return status, text.replace("+442079460124", "+442079460123"), headers


@pytest.fixture
def hold(public_api, consultation, dana, at):
    """Hold a time: ``hold(9)`` returns the response."""

    def hold(hour):
        opening = {"appointment_type_id": str(consultation.pk), "start_time": at(hour).isoformat()}
        return public_api.post("/holds", opening)

    return hold


@pytest.fixture
def confirm(public_api, hold):
    """Hold a time and confirm it: ``confirm(9, PERSON)`` returns both addresses and the response."""

    def confirm(hour, person):
        path = f"/holds/{hold(hour).json()['data']['id']}"
        return path, public_api.post(f"{path}/confirm", {"patient": person})

    return confirm


@pytest.fixture
def busy(settings):
    """A network that has had all that is confirmed at once today."""
    settings.ONLINE_BOOKINGS_PER_NETWORK = 0


@pytest.fixture
def visits_of_alice(book, at):
    """Three visits of Alice to come, which staff have booked."""
    alice = Patient.objects.create(**{**PERSON, "phone": "+442079460123"})
    return [book(at(hour), patient=alice, limit=None) for hour in (9, 10, 11)]


def test_hold_of_a_page_remembers_the_site_and_shows_nothing_of_it(hold):
    answer = hold(9)

    assert Hold.objects.get().page == SITE
    assert not {"must_verify", "page", "network"} & set(answer.json()["data"])


def test_confirm_beyond_the_networks_number_is_202_pending(busy, confirm, public_api):
    path, answer = confirm(9, PERSON)

    appointment, data = Appointment.objects.get(), answer.json()["data"]
    assert (answer.status_code, data["status"], data["provider"]) == (202, "pending", None)
    assert data["answer_by"] == appointment.answer_by.isoformat()
    again = public_api.post(f"{path}/confirm", {"patient": PERSON})
    assert (again.status_code, again.json()["data"]) == (202, data)


def test_hold_beyond_what_is_held_without_proof_is_429_with_the_way_on(busy, hold, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK, settings.SITE_URL = 1, "https://booking.clinic.example"
    assert hold(9).status_code == 201

    with nothing_changes():
        refused = hold(10)

    body = refused.json()
    assert (refused.status_code, body["code"]) == (429, "needs-proof")
    assert body["title"] == "Many people are booking from where you are."
    assert body["proof_url"] == "https://booking.clinic.example/book/consultation/proof"
    assert body["retry_after"] == int(refused["Retry-After"]) <= 25 * 60 * 60


def test_server_books_beyond_the_networks_number(busy, api, consultation, dana, at):
    opening = {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}
    held = api.post("/holds", opening).json()["data"]

    answer = api.post(f"/holds/{held['id']}/confirm", {"patient": PERSON})

    assert (answer.status_code, answer.json()["data"]["status"]) == (201, "confirmed")


def test_fourth_visit_looks_like_a_first_and_stays_so(visits_of_alice, confirm, public_api, api):
    answers = [confirm(hour, person) for hour, person in ((13, PERSON), (14, CAROL))]

    assert shape(answers[0][1]) == shape(answers[1][1])
    assert answers[0][1].status_code == 201

    def ask_again():
        people = zip(answers, (PERSON, CAROL), strict=True)
        return [public_api.post(f"{path}/confirm", {"patient": person}) for (path, _), person in people]

    fourth = Appointment.objects.get(verification="required_quietly")
    assert shape(ask_again()[0]) == shape(ask_again()[1])
    assert ask_again()[0].json()["data"] == answers[0][1].json()["data"]
    # A server sees what is so.
    assert api.get(f"/appointments/{fourth.pk}").json()["data"]["status"] == "pending"

    Appointment.objects.filter(pk=fourth.pk).update(answer_by=database_now() - timedelta(minutes=1))
    cancel_unanswered()
    assert shape(ask_again()[0]) == shape(ask_again()[1])
    assert ask_again()[0].json()["data"] == answers[0][1].json()["data"]
    assert api.get(f"/appointments/{fourth.pk}").json()["data"]["status"] == "cancelled"


def test_fourth_visit_that_staff_must_approve_looks_like_a_first(visits_of_alice, desk, confirm):
    fourth, first = [confirm(hour, person)[1] for hour, person in ((13, PERSON), (14, CAROL))]

    assert shape(fourth) == shape(first)
    assert fourth.status_code == 202
