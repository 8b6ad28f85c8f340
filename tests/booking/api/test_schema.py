"""The API's description: it is whole, it is true, and the copy in docs/ is up to date."""

import json

import jsonschema
import pytest
import yaml
from django.core.management import call_command

from booking.api.openapi.views import openapi_document
from booking.api.problems import PROBLEMS
from booking.dev.servers import BASE_DIR
from booking.models import ApiKey

DOCUMENT = json.loads(json.dumps(openapi_document()))
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}


def resolve(node):
    """Follow a reference within the document."""
    while "$ref" in node:
        found = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def check(value, schema):
    """Raise unless ``value`` is as ``schema`` says."""
    schema = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)


def test_openapi_copy_in_docs_matches_the_code(tmp_path):
    written = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(written), validate=True, fail_on_warn=True)
    assert written.read_text() == (BASE_DIR / "docs" / "openapi.yaml").read_text(), "Run `make schema`."


@pytest.mark.parametrize(
    "headers, query, content_type",
    [
        ({}, {}, "application/json"),
        ({"accept": "*/*"}, {}, "application/json"),
        ({"accept": "application/yaml"}, {}, "application/yaml"),
        ({"accept": "application/vnd.oai.openapi"}, {}, "application/yaml"),
        ({"accept": "text/html"}, {"format": "json"}, "application/json"),
        ({}, {"format": "yaml"}, "application/yaml"),
    ],
)
def test_openapi_document_is_served_without_a_key(client, db, headers, query, content_type):
    response = client.get("/api/schema", query_params=query, headers=headers)
    assert (response.status_code, response["Content-Type"]) == (200, content_type)
    assert yaml.safe_load(response.content) == DOCUMENT


@pytest.mark.parametrize(
    "method, headers, query, status",
    [
        ("get", {"accept": "image/png"}, {}, 406),
        ("get", {}, {"format": "xml"}, 400),
        ("get", {}, {"lang": "en"}, 400),
        ("post", {}, {}, 405),
    ],
)
def test_openapi_document_refuses_other_methods_and_types(client, db, method, headers, query, status):
    response = getattr(client, method)("/api/schema", query_params=query, headers=headers)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("name", OPERATIONS)
def test_schema_describes_all_operations(name):
    operation = OPERATIONS[name]
    assert operation["summary"] and operation["description"] and operation["tags"]
    [[scopes]] = [list(way.values()) for way in operation["security"]]
    assert set(scopes) <= set(ApiKey.Scope.values)
    assert all(f"`{scope}`" in operation["description"] for scope in scopes)
    assert {"400", "401", "403", "406", "429", "500", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_examples_match_their_schemas(name):
    operation = OPERATIONS[name]
    answers = [resolve(answer) for answer in operation["responses"].values()]
    contents = [content for answer in answers for content in answer.get("content", {}).values()]
    if "requestBody" in operation:
        contents += operation["requestBody"]["content"].values()
    for content in contents:
        examples = [resolve(example)["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples
        for example in examples:
            check(example, content["schema"])
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            check(parameter["example"], parameter["schema"])


def find_unnamed(node, place="", *, is_named=True):
    """Yield the places of objects, lists of words and choices that stand in the midst of something else."""
    if isinstance(node, dict):
        ways = node.get("oneOf", node.get("anyOf", []))
        is_choice = any("$ref" not in way and way != {"type": "null"} for way in ways)
        if not is_named and ("properties" in node or "enum" in node or is_choice):
            yield place
        for name, inner in node.items():
            yield from find_unnamed(inner, f"{place}/{name}", is_named=place.endswith("/schemas"))
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from find_unnamed(inner, f"{place}/{number}", is_named=False)


def test_schema_names_every_object_enum_and_choice():
    described = {name: DOCUMENT[name] for name in ("paths", "webhooks", "components")}
    assert [place for place in find_unnamed(described) if "/example" not in place] == []


def test_schema_describes_all_problems_of_endpoints():
    # Not an answer of any operation.
    elsewhere = {"method-not-allowed", "bad-signature", "other-person", "user-exists"}
    assert set(DOCUMENT["components"]["examples"]) == {problem.code for problem in PROBLEMS.values()} - elsewhere


def test_changelog_says_whether_anything_is_deprecated():
    page = (BASE_DIR / "docs" / "api-changelog.md").read_text()
    assert ("Nothing is deprecated today." in page) == ('"deprecated": true' not in json.dumps(DOCUMENT))


def test_openapi_links_lead_to_operations():
    links = [
        link["operationId"]
        for operation in OPERATIONS.values()
        for answer in operation["responses"].values()
        for link in resolve(answer).get("links", {}).values()
    ]
    assert links and set(links) <= set(OPERATIONS)
