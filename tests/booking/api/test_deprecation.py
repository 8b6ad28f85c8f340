"""What is deprecated goes on to work, and says until when: with an endpoint of the test's own, beside the real ones."""

from datetime import date, timedelta

import pytest
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from booking.api.deprecation import NOTICE, Deprecation
from booking.api.operation import operation
from booking.api.serializers import Input, Query
from booking.api.v1.me import KeyOutput
from booking.api.views import ApiView

NOTES = Deprecation(since=date(2027, 1, 1), sunset=date(2028, 1, 1), instead="Use /letters.")
COLOR = Deprecation(since=date(2027, 3, 1), sunset=date(2028, 6, 30), instead="It has no effect.")
LINK = '<http://testserver/api/docs#changelog>; rel="deprecation"; type="text/html"'
NOTES_HEADERS = {"Deprecation": "@1798761600", "Sunset": "Sat, 01 Jan 2028 00:00:00 GMT", "Link": LINK}
COLOR_HEADERS = {"Deprecation": "@1803859200", "Sunset": "Fri, 30 Jun 2028 00:00:00 GMT", "Link": LINK}


class LetterQuery(Query):
    """Which letters."""

    color = serializers.CharField(required=False)


class LetterInput(Input):
    """A letter."""

    text = serializers.CharField()
    color = serializers.CharField(required=False)


class Letters(ApiView):
    """Letters, which may have a color no longer."""

    tag = "Me"
    scopes = {"GET": None, "POST": None}
    output = KeyOutput

    @operation(query=LetterQuery, deprecated_members={"color": COLOR})
    def get(self, request):
        return self.answer({})

    @operation(name="write_letter", body=LetterInput, deprecated_members={"color": COLOR})
    def post(self, request):
        self.body()
        return self.answer({})


class Notes(ApiView):
    """Notes, which are to go."""

    tag = "Me"
    scopes = {"GET": None}
    output = KeyOutput

    @operation(query=LetterQuery, deprecation=NOTES, deprecated_members={"color": COLOR})
    def get(self, request):
        return self.answer({})


urlpatterns = [
    path("api/v1/letters", Letters.as_view()),
    path("api/v1/notes", Notes.as_view()),
    path("", include("booking.urls")),
]
pytestmark = pytest.mark.urls(__name__)


def get_deprecation_headers(response):
    return {name: response[name] for name in ("Deprecation", "Sunset", "Link") if name in response}


@pytest.mark.parametrize("query, status", [({}, 200), ({"typo": "1"}, 400)])
def test_deprecated_operation_says_since_when_and_until_when(api, query, status):
    response = api.get("/notes", query=query)
    assert (response.status_code, get_deprecation_headers(response)) == (status, NOTES_HEADERS)


def test_deprecated_parameter_is_told_of_only_where_it_is_sent(api):
    assert get_deprecation_headers(api.get("/letters")) == {}
    assert get_deprecation_headers(api.get("/letters", query={"color": "red"})) == COLOR_HEADERS


def test_deprecated_member_is_told_of_only_where_it_is_sent(api):
    letter = {"text": "Dear Alice"}
    plain, colored = (api.post("/letters", body) for body in (letter, {**letter, "color": "red"}))
    assert (plain.status_code, get_deprecation_headers(plain)) == (200, {})
    assert (colored.status_code, get_deprecation_headers(colored)) == (200, COLOR_HEADERS)


@pytest.mark.parametrize("body", [[], 5, "color", ["color"]])
def test_body_that_is_no_object_is_400_where_a_member_is_deprecated(api, body):
    response = api.post("/letters", body)
    assert (response.status_code, get_deprecation_headers(response)) == (400, {})


def test_deprecated_parameter_of_deprecated_operation_counts_with_the_earliest_dates(api):
    assert get_deprecation_headers(api.get("/notes", query={"color": "red"})) == NOTES_HEADERS


def test_openapi_marks_what_is_deprecated():
    document = SchemaGenerator(patterns=urlpatterns[:2]).get_schema(public=True)
    letters, notes = document["paths"]["/api/v1/letters"], document["paths"]["/api/v1/notes"]["get"]
    said = "Deprecated since 2027-03-01, and gone after 2028-06-30. It has no effect."

    assert notes["deprecated"] is True
    assert notes["description"].startswith("Deprecated since 2027-01-01, and gone after 2028-01-01. Use /letters.")
    assert {"Deprecation", "Sunset", "Link"} <= set(notes["responses"]["200"]["headers"])
    assert "deprecated" not in letters["get"] and "deprecated" not in letters["post"]
    [parameter] = letters["get"]["parameters"]
    assert (parameter["name"], parameter["deprecated"], parameter["description"]) == ("color", True, said)
    color = document["components"]["schemas"]["LetterInput"]["properties"]["color"]
    assert (color["deprecated"], color["description"]) == (True, said)


def test_sunset_before_a_year_is_over_is_refused():
    since = date(2027, 1, 1)
    with pytest.raises(ValueError, match="365 days or longer"):
        Deprecation(since=since, sunset=since + NOTICE - timedelta(days=1), instead="Use /letters.")
