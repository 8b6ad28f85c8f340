"""All operations as a collection for Postman, Bruno and the like: a first booking in order, then every one.

The format is Postman's, version 2.1: the others read it too.
"""

import json
import re

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"

# A first booking in order. What a request needs of those before it stands in {{…}}: the scripts below keep it.
JOURNEY = [
    ("list_appointment_types", {}, None),
    (
        "list_availability",
        {"appointment_type_id": "{{service}}", "start_date": "{{start_date}}", "end_date": "{{end_date}}"},
        None,
    ),
    ("place_hold", {}, {"booking_key": "{{booking_key}}"}),
    (
        "confirm_hold",
        {"id": "{{hold}}"},
        {
            "patient": {
                "first_name": "Alice",
                "last_name": "Archer",
                "date_of_birth": "1985-04-12",
                "email": "alice@example.org",
            }
        },
    ),
    ("reschedule_appointment", {"id": "{{hold}}"}, {"booking_key": "{{another_booking_key}}"}),
    ("cancel_appointment", {"id": "{{hold}}"}, {"reason": "patient_request"}),
]
IN_DAYS = "new Date(Date.now() + %d * 86400000).toISOString().slice(0, 10)"
BEFORE = {
    "list_availability": [
        f"pm.collectionVariables.set('start_date', {IN_DAYS % 7});",
        f"pm.collectionVariables.set('end_date', {IN_DAYS % 21});",
    ],
}
AFTER = {
    "list_appointment_types": ["pm.collectionVariables.set('service', found[0].id);"],
    "list_availability": [
        "pm.collectionVariables.set('booking_key', found[0].booking_key);",
        "pm.collectionVariables.set('another_booking_key', found[found.length - 1].booking_key);",
    ],
    "place_hold": ["pm.collectionVariables.set('hold', found.id);"],
    "cancel_appointment": ["pm.test('it is cancelled', () => pm.expect(found.status).to.equal('cancelled'));"],
}


def write_collection(document: dict, *, site: str) -> dict:
    """Return the collection of an OpenAPI document; ``site`` is where its requests go, unless ``base`` is changed."""
    operations = {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    folders = {tag["name"]: {"name": tag["name"], "description": tag["description"]} for tag in document["tags"]}
    for method, path, operation in operations.values():
        folder = folders[operation["tags"][0]]
        folder.setdefault("item", []).append(write_request(method, path, operation))
    return {
        "info": {
            "name": document["info"]["title"],
            "description": "Set the variable `key` to a key of the clinic's; then the first folder books and cancels.",
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{key}}", "type": "string"}]},
        "variable": [{"key": "base", "value": site}, {"key": "key", "value": ""}],
        "item": [
            {
                "name": "A first booking",
                "description": "Search, hold, confirm, reschedule, cancel: each uses what those before it found.",
                "item": [write_step(*operations[name], values, body) for name, values, body in JOURNEY],
            },
            *(folder for folder in folders.values() if "item" in folder),
        ],
    }


def write_step(method, path, operation, values, body):
    """Return a request of the journey, with scripts that check its answer and keep what the next ones need."""
    name = operation["operationId"]
    item = write_request(method, path, operation, values=values, body=body)
    check = [
        f"pm.test('{operation['summary']}', () => pm.expect(pm.response.code).to.be.oneOf([200, 201]));",
        "const found = pm.response.json().data;",
    ]
    scripts = {"prerequest": BEFORE.get(name, []), "test": check + AFTER.get(name, [])}
    item["event"] = [
        {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}
        for listen, lines in scripts.items()
        if lines
    ]
    return item


def write_request(method, path, operation, *, values=None, body=None):
    """Return an operation as a request; without ``values`` its parameters are there to be filled in and ticked."""
    values = values or {}
    parameters = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
    query = [
        {
            "key": parameter["name"],
            "value": str(values.get(parameter["name"], parameter.get("example", ""))),
            "description": parameter.get("description", ""),
            "disabled": not (parameter.get("required") or parameter["name"] in values),
        }
        for parameter in parameters
        if not values or parameter["name"] in values
    ]
    shown = [f"{parameter['key']}={parameter['value']}" for parameter in query if not parameter["disabled"]]
    path = re.sub(r"\{(\w+)\}", r":\1", path)
    url = {
        "raw": "{{base}}" + path + ("?" + "&".join(shown) if shown else ""),
        "host": ["{{base}}"],
        "path": path.strip("/").split("/"),
        "query": query,
        "variable": [{"key": name, "value": values.get(name, "")} for name in re.findall(r":(\w+)", path)],
    }
    request = {"method": method, "description": operation["description"], "header": [], "url": url}
    body = body or find_example(operation)
    if body is not None:
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(body, indent=2, ensure_ascii=False),
            "options": {"raw": {"language": "json"}},
        }
    return {"name": operation["summary"], "request": request}


def find_example(operation):
    """Return the first example of an operation's body, or None if it has no body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return next((example["value"] for example in content.get("examples", {}).values()), None)
