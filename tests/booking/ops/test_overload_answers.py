"""What the web server says to those it refuses."""

import json
from http.client import HTTPResponse
from io import BytesIO

import pytest

from booking.models import EmbeddingSite
from booking.models.embedding import list_embedding_sites, recent_sites
from booking.ops.overload_answers import MAX_SECONDS, MIN_SECONDS, write_refusal


class Received(BytesIO):
    """What a client has received, for http.client to read as it reads a socket."""

    def makefile(self, mode):
        return self


def refuse(method, path, *headers):
    """Return status, headers and text of the answer, read as a client reads it."""
    request = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""])
    response = HTTPResponse(Received(write_refusal(request.encode())), method=method)
    response.begin()
    return response.status, response.headers, response.read().decode()


def test_api_is_told_as_a_problem_what_it_is_told_when_the_database_is_busy():
    status, headers, body = refuse("POST", "/api/v1/holds?x=1", "X-Request-Id: 0123456789abcdef")

    seconds = int(headers["Retry-After"])
    assert MIN_SECONDS <= seconds <= MAX_SECONDS
    assert (status, headers["Content-Type"]) == (503, "application/problem+json")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert json.loads(body) == {
        "type": "/problems/busy",
        "title": "The server is busy.",
        "status": 503,
        "detail": "Send the same request again in a moment; nothing has changed.",
        "instance": "/api/v1/holds",
        "code": "busy",
        "request_id": "0123456789abcdef",
        "retry_after": seconds,
    }


def test_dialects_are_told_in_their_own_words():
    detail = json.loads(refuse("GET", "/junction/v3/order/areas")[2])
    said = json.loads(refuse("GET", "/onsched/v3/services", "X-Request-Id: 0123456789abcdef")[2])

    assert detail == {"detail": "The server is busy."}
    assert (said["success"], said["code"], said["request_id"]) == (False, "busy", "0123456789abcdef")


@pytest.mark.parametrize(
    ("path", "header", "language"),
    [("/de/book/check/", "Accept-Language: fr", "de"), ("/", "Accept-Language: ar", "ar"), ("/", "X: y", "en-gb")],
)
def test_page_tries_again_by_itself_in_the_readers_language(path, header, language):
    status, headers, page = refuse("GET", path, header)

    assert (status, headers["Content-Language"], headers["Refresh"]) == (503, language, headers["Retry-After"])
    assert f'<html lang="{language}"' in page


def test_page_that_was_posted_is_not_posted_again_by_itself():
    status, headers, page = refuse("POST", "/book/check/hold")

    assert (status, "Refresh" in headers) == (503, False)
    assert "back button" in page


def test_page_has_the_headers_of_other_pages(client, db):
    headers, others = refuse("GET", "/")[1], client.get("/").headers

    for name in ("Permissions-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Referrer-Policy"):
        assert headers[name] == others[name]
    assert "script-src 'self'" in headers["Content-Security-Policy"]


def test_page_may_be_framed_by_the_sites_that_this_process_has_read_last(db):
    EmbeddingSite.objects.create(origin="https://www.clinic.example")
    recent_sites.forget()
    assert refuse("GET", "/")[1]["X-Frame-Options"] == "SAMEORIGIN"

    list_embedding_sites()

    headers = refuse("GET", "/")[1]
    assert "frame-ancestors 'self' https://www.clinic.example;" in f"{headers['Content-Security-Policy']};"
    assert "X-Frame-Options" not in headers


def test_head_has_no_body_and_what_is_no_request_has_an_answer():
    assert refuse("HEAD", "/")[2] == ""
    assert write_refusal(b"\x16\x03\x01\r\n\r\n").startswith(b"HTTP/1.1 503 ")


def test_those_who_come_back_do_not_all_come_at_once():
    assert len({refuse("GET", "/")[1]["Retry-After"] for _ in range(100)}) == MAX_SECONDS - MIN_SECONDS + 1
