"""Open pages ask whether their times have changed."""

import re

import pytest
from django.test import Client

from booking.domain.holds import release_hold
from booking.widget import live_times
from scheduling.models import TimeOff
from scheduling.schedule_changes import mark_schedule_changed
from tests.conftest import make_clinician


@pytest.fixture
def opened(client, dana, day):
    """What a page of times says of itself: where to ask, and what it shows."""

    def opened(**query):
        html = client.get("/book/consultation/", {"day": day, **query}).content.decode()
        watch, etag = re.search('data-watch="([^"]*)" data-etag="([^"]*)"', html).groups()
        return watch, etag.replace("&quot;", '"')

    return opened


def ask(client, watch, etag):
    live_times.versions.forget()  # half a second has passed
    response = client.get(watch, headers={"If-None-Match": etag})
    assert response.content == b""
    return response.status_code, response["ETag"]


def test_page_is_told_once_that_a_time_was_taken_and_given_back(transactional_db, client, opened, hold_time, at):
    watch, etag = opened()
    assert ask(client, watch, etag) == (304, etag)

    hold = hold_time(at(9))

    status, without_nine = ask(client, watch, etag)
    assert (status, without_nine) == (204, opened()[1]) != (204, etag)
    assert ask(client, watch, without_nine) == (304, without_nine)

    release_hold(hold, actor="patient")
    assert ask(client, watch, without_nine) == (204, etag)


def test_page_that_holds_a_time_is_not_told_of_its_own(client, opened, held):
    watch, etag = opened(hold=held.token)

    assert ask(client, watch, etag) == (304, etag)


def test_change_that_a_page_does_not_show_leaves_it_alone(client, opened, hold_time, at, dana, harbour, consultation):
    make_clinician("Otis Hale", location=harbour, services=[consultation])
    watch, etag = opened()

    hold_time(at(9))  # Otis is still free then
    mark_schedule_changed()

    assert ask(client, watch, etag) == (304, etag)


def test_change_of_the_schedule_is_told(client, opened, at, dana):
    watch, etag = opened(clinician=dana.pk)

    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(12))
    mark_schedule_changed(clinician_id=dana.pk)

    assert ask(client, watch, etag)[0] == 204


def test_asking_costs_one_statement_and_then_none(client, opened, django_assert_num_queries):
    watch, etag = opened()
    ask(client, watch, etag)

    with django_assert_num_queries(1):
        ask(client, watch, etag)
    with django_assert_num_queries(0):
        client.get(watch, headers={"If-None-Match": etag})


def test_asking_counts_for_no_rate_but_having_times_computed_does(opened, settings):
    client, (watch, etag) = Client(REMOTE_ADDR="192.0.2.21"), opened()
    settings.PAGES_PER_NETWORK = settings.SEARCHES_PER_NETWORK = 1
    for _ in range(3):
        assert ask(client, watch, etag) == (304, etag)

    mark_schedule_changed()
    live_times.versions.forget()

    response = client.get(watch)
    assert (response.status_code, response["Retry-After"], response.content) == (429, "60", b"")


def test_address_that_no_page_has_is_404(client, opened):
    watch, _ = opened()

    for address in ("/changes/x", f"{watch[:-6]}AAAAAA", "/changes/" + "A" * 135):
        assert client.get(address).status_code == 404


def test_server_says_at_once_what_it_knows_to_be_unchanged(client, opened, django_assert_num_queries):
    watch, etag = opened()
    sent = []

    def ask_server(path, etag):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_IF_NONE_MATCH": etag}
        return live_times.answer_at_once(lambda environ, start: ["Django"])(environ, lambda *head: sent.append(head))

    assert ask_server(watch, etag) == ["Django"]  # knows nothing yet
    ask(client, watch, etag)
    with django_assert_num_queries(0):
        assert ask_server(watch, etag) == []
        assert ask_server(watch, '"another"') == ask_server("/changes/x", etag) == ["Django"]
    assert sent == [("304 Not Modified", [("ETag", etag), ("Cache-Control", "no-store")])]
