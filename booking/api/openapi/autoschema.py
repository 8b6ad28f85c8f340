"""One operation of the OpenAPI document from the declaration of one method."""

import re
from itertools import product

from drf_spectacular.openapi import AutoSchema

from booking.api.openapi import fields  # noqa: F401 (drf-spectacular finds the fields' classes once they are imported)
from booking.api.openapi.components import an_object, share
from booking.api.openapi.examples import ANSWERS, BODIES, PARAMETERS
from booking.api.openapi.headers import answer_headers, request_headers
from booking.api.openapi.links import list_links
from booking.api.openapi.problems import list_refusals, write_problems
from booking.api.operation import get_operation
from booking.api.serializers import Input, Query
from booking.api.v1.calendars import CalendarOutput

JSON = "application/json"
FORMATS = {"email": "an e-mail address", "uri": "an address of the web"}


class OperationSchema(AutoSchema):
    """Writes down what an ApiView's method takes and gives."""

    @property
    def operation(self):
        return get_operation(self.view, self.method)

    @property
    def takes_body(self):
        return self.method in ("POST", "PATCH")

    # Names and words

    def get_operation_id(self):
        """Return the operation's name, or one from the endpoint's: AppointmentCancel is cancel_appointment."""
        if self.operation.name:
            return self.operation.name
        words = re.findall("[A-Z][a-z]*", type(self.view).__name__.removesuffix("Entry"))
        if self.method == "GET":
            words.insert(0, "list" if self.operation.many else "get")
        elif self.method == "PATCH":
            words.insert(0, "change")
        else:
            words.append(words.pop(0))
        return "_".join(words).lower()

    def get_tags(self):
        return [self.view.tag]

    def _docstring(self):
        """Return (first sentence, the rest) of the method's docstring, or else its endpoint's."""
        first, _, rest = plain(super().get_description()).partition(".")
        return first.replace("\n", " "), rest.strip()

    def get_summary(self):
        return self._docstring()[0]

    def get_description(self):
        scope = self.view.scopes[self.method]
        needs = f"Needs the scope `{scope}`." if scope else "Any live key will do."
        ends = self.operation.deprecation and self.operation.deprecation.description
        return "\n\n".join(filter(None, [ends, self._docstring()[1], needs]))

    def is_deprecated(self):
        return self.operation.deprecation is not None

    def get_auth(self):
        scope = self.view.scopes[self.method]
        return [{"key": [str(scope)] if scope else []}]

    # What it takes

    def get_override_parameters(self):
        return [] if self.operation.query is Query else [self.operation.query]

    def _get_parameters(self):
        parameters = super()._get_parameters()
        for parameter in parameters:
            if parameter["in"] == "path":
                parameter["description"] = "Its id."
            if parameter["name"] in PARAMETERS:
                parameter["example"] = PARAMETERS[parameter["name"]]
            if deprecation := self.operation.deprecated_members.get(parameter["name"]):
                parameter.update(deprecated=True, description=deprecation.description)
        return parameters + request_headers(self.method, self.operation)

    def _get_request_body(self, direction="request"):
        form = self.operation.body
        if not self.takes_body or form is Input:
            return None
        component = self.resolve_serializer(form(partial=self.method == "PATCH"), direction)
        content = {"schema": component.ref}
        examples = BODIES.get(self.get_operation_id())
        if examples:
            content["examples"] = {name: {"value": value} for name, value in examples.items()}
        is_needed = form.ways or any(field.required for field in form().fields.values())
        return {"content": {JSON: content}, "required": self.method == "POST" and bool(is_needed)}

    # What it gives

    def _get_response_bodies(self, direction="response"):
        headers = answer_headers(self.method, self.operation, is_personal=self.view.is_personal)
        links = list_links(self.get_operation_id())
        answers = {
            str(status): {
                "description": "The same one as before." if number else "Done." if self.takes_body else "Found.",
                "headers": headers,
                "content": {JSON: {"schema": self._envelope(direction), "example": self._example()}},
                **({"links": links} if links else {}),
            }
            for number, status in enumerate(self.operation.status)
        }
        if self.method == "GET" and self.operation.has_etag:
            answers["304"] = {"description": "What If-None-Match names is still the same.", "headers": headers}
        refusals = list_refusals(
            self.operation, self.method, scope=self.view.scopes[self.method], has_id="{id}" in self.path
        )
        return answers | write_problems(refusals, registry=self.registry)

    @property
    def _output(self):
        return self.operation.output or self.view.output

    def get_response_serializers(self):
        return self._output

    def _envelope(self, direction):
        """Return a reference to the whole answer: HoldAnswer has one Hold, AppointmentPage a page of a list."""
        output = self.resolve_serializer(self._output(), direction)
        data, name, kind = output.ref, output.name, "Answer"
        meta, meta_name = {"request_id": {"type": "string"}}, "Meta"
        if self.operation.many:
            data, kind = {"type": "array", "items": data}, "Page"
            meta |= {"next_cursor": {"type": ["string", "null"]}, "has_more": {"type": "boolean"}}
            meta_name = f"Page{meta_name}"
        if self.operation.nullable:
            data, kind = {"oneOf": [data, {"type": "null"}]}, "OrNullAnswer"
        if self.operation.dated:
            meta["generated_at"] = {"type": "string", "format": "date-time"}
            meta_name = f"Dated{meta_name}"
        if self.operation.tells_calendars:
            calendar = self.resolve_serializer(CalendarOutput(), direction).ref
            meta["calendars"] = {"type": "array", "items": calendar}
            meta_name = f"Calendars{meta_name}"
        meta = share(self.registry, meta_name, an_object(meta))
        return share(self.registry, f"{name}{kind}", an_object({"data": data, "meta": meta}))

    def _example(self):
        data = ANSWERS[self._output.__name__.removeprefix("Expanded")]
        meta = {"request_id": "9f4d1c0a6c2f4f0c8a53f8f0b7a1e2d3"}
        if self.operation.dated:
            meta["generated_at"] = "2026-03-27T16:20:31.120000+00:00"
        if self.operation.tells_calendars:
            meta["calendars"] = [ANSWERS["CalendarOutput"]]
        if self.operation.many:
            data, meta = [data], meta | {"next_cursor": None, "has_more": False}
        return {"data": data, "meta": meta}

    def _map_basic_serializer(self, serializer, direction):
        schema = super()._map_basic_serializer(serializer, direction)
        schema["description"] = plain(schema["description"])
        if isinstance(serializer, Input):
            schema["additionalProperties"] = False
        else:
            # Answers always have all of their members, some of them empty, where they do not say otherwise.
            schema["required"] = getattr(serializer, "always", list(schema["properties"]))
            for member in schema["properties"].values():
                for word in ("title", "readOnly", "minLength"):
                    member.pop(word, None)
        for member in schema["properties"].values():
            if {"type": "string", "maxLength": 0} in member.get("oneOf", ()):
                # What may be empty is of no format that a validator could look at.
                text = next(way for way in member.pop("oneOf") if way.get("maxLength") != 0)
                member.setdefault("description", f"Empty, or {FORMATS[text.pop('format')]}.")
                member.update(text)
        if type(serializer) is self.operation.body:
            for name, deprecation in self.operation.deprecated_members.items():
                if name in schema["properties"]:
                    schema["properties"][name].update(deprecated=True, description=deprecation.description)
        if isinstance(serializer, Input) and serializer.ways and not serializer.partial:
            return self._write_ways(serializer, schema, direction)
        return schema

    def _write_ways(self, serializer, schema, direction):
        """Return a choice of schemas, one for each way to put a body."""
        choices = [ways for ways in (serializer.ways, serializer.second_ways) if ways]
        only_in_some = {name for ways in choices for way in ways for name in (*way.needs, *way.allows)}
        stem = self._get_serializer_name(serializer, direction).removesuffix("Input")
        references = []
        for ways in product(*choices):
            needed = [name for way in ways for name in way.needs]
            other = only_in_some - {*needed, *(name for way in ways for name in way.allows)}
            members = {name: member for name, member in schema["properties"].items() if name not in other}
            required = [name for name in members if name in needed or name in schema.get("required", ())]
            members |= {name: not_null(members[name]) for name in needed}
            variant = {**schema, "properties": members, "required": required}
            references.append(share(self.registry, stem + "".join(way.name for way in ways), variant))
        return {"description": schema["description"], "oneOf": references}

    def get_serializer_name(self, serializer, direction):
        return type(serializer).__name__.removesuffix("Output")


def plain(docstring):
    """Return a docstring in Markdown."""
    return docstring.replace("``", "`")


def not_null(member):
    """Return the schema of a member that must be there."""
    if not isinstance(member.get("type"), list):
        return member
    [kind] = [kind for kind in member["type"] if kind != "null"]
    return {**member, "type": kind}
