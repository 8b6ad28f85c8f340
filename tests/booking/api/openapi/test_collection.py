"""The collection for Postman and the like is made from the schema, so it has every operation and its examples."""

import json

from booking.api.openapi.views import openapi_document


def list_requests(folder):
    return [f"{item['request']['method']} {item['request']['url']['raw'].partition('?')[0]}" for item in folder["item"]]


def test_collection_has_the_journey_and_every_operation(client, db):
    response = client.get("/api/collection", headers={"host": "testserver"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    journey, *folders = response.json()["item"]
    assert list_requests(journey) == [
        "GET {{base}}/api/v1/appointment-types",
        "GET {{base}}/api/v1/availability",
        "POST {{base}}/api/v1/holds",
        "POST {{base}}/api/v1/holds/:id/confirm",
        "POST {{base}}/api/v1/appointments/:id/reschedule",
        "POST {{base}}/api/v1/appointments/:id/cancel",
    ]
    operations = [
        f"{method.upper()} {{{{base}}}}{path}".replace("{id}", ":id")
        for path, methods in openapi_document()["paths"].items()
        for method in methods
    ]
    assert sorted(request for folder in folders for request in list_requests(folder)) == sorted(operations)


def test_collection_has_the_clinic_s_address_and_no_key(client, db):
    collection = client.get("/api/collection", headers={"host": "testserver"}).json()
    assert collection["variable"] == [{"key": "base", "value": "http://testserver"}, {"key": "key", "value": ""}]
    assert collection["auth"]["bearer"] == [{"key": "token", "value": "{{key}}", "type": "string"}]


def test_collection_bodies_are_the_examples_of_the_schema(client, db):
    _, *folders = client.get("/api/collection", headers={"host": "testserver"}).json()["item"]
    requests = [item["request"] for folder in folders for item in folder["item"]]
    bodies = {(request["method"], "/".join(request["url"]["path"])): request.get("body") for request in requests}
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody")
            shown = bodies[method.upper(), path.strip("/").replace("{id}", ":id")]
            if not body:
                assert shown is None
                continue
            examples = [example["value"] for example in body["content"]["application/json"]["examples"].values()]
            assert json.loads(shown["raw"]) == examples[0]


def test_collection_may_only_be_read(client, db):
    assert client.post("/api/collection").status_code == 405
