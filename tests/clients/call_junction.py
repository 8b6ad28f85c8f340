"""Call one of Junction's Python SDKs: a JSON line in, a JSON line out. Runs where that SDK is installed.

{"call": "lab_tests.get_order", "id": …, "arguments": {…}} answers with what the SDK returns, read by its types, or with
its error; {"parse": "ClientFacingOrderChanged", "body": {…}} has a webhook read. ``unknown`` lists the values of
enums that the SDK does not know.
"""

import enum
import importlib
import inspect
import json
import sys
import typing

import pydantic
import pydantic_core

package_name, client_name, base_url, key = sys.argv[1:]
package = importlib.import_module(package_name)
client = getattr(package, client_name)(base_url=base_url, api_key=key)


def call(name, arguments, id=None):
    group, _, method = name.partition(".")
    function = getattr(getattr(client, group), method)
    known = inspect.signature(function).parameters
    inner = {name: arguments.pop(name) for name in list(arguments) if name not in known}
    if inner:  # the older SDK wants the body as one model
        model = typing.get_type_hints(function)["request"]
        arguments["request"] = model(**inner)
    return function(*[id] if id else [], **arguments, request_options={"max_retries": 0})


def parse(name, body):
    return pydantic.TypeAdapter(getattr(package, name)).validate_python(body)


def list_unknown(value):
    if isinstance(value, pydantic.BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        return [text for each in value.values() for text in list_unknown(each)]
    if isinstance(value, list):
        return [text for each in value for text in list_unknown(each)]
    return [value.value] if isinstance(value, enum.Enum) and value.name == "_UNKNOWN" else []


for line in sys.stdin:
    wanted = json.loads(line)
    try:
        if "parse" in wanted:
            found = parse(wanted["parse"], wanted["body"])
        else:
            found = call(wanted["call"], wanted["arguments"], wanted["id"])
        said = {"value": json.loads(pydantic_core.to_json(found)), "unknown": list_unknown(found)}
    except Exception as error:  # noqa: BLE001 (whatever it is, the test reads it)
        body = getattr(error, "body", None)
        said = {
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "body": json.loads(pydantic_core.to_json(body, fallback=str)),
            "text": str(error),
        }
    print(json.dumps(said), flush=True)
