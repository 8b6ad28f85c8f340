"""How the API's own fields are said in OpenAPI; drf-spectacular finds these classes by itself."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from booking.api.fields import WALL_TIME
from booking.api.openapi.components import share
from scheduling.lib.integration_fields import (
    MAX_METADATA_KEY_LENGTH,
    MAX_METADATA_KEYS,
    MAX_METADATA_VALUE_LENGTH,
)

A_DAY = {"type": "string", "format": "date"}
A_MOMENT = {"type": "string", "format": "date-time"}
A_WALL_TIME = {"type": "string", "pattern": WALL_TIME}


class MomentField(OpenApiSerializerFieldExtension):
    target_class = "booking.api.fields.Moment"

    def map_serializer_field(self, auto_schema, direction):
        return dict(A_MOMENT)


class WallTimeField(OpenApiSerializerFieldExtension):
    target_class = "booking.api.fields.WallTime"

    def map_serializer_field(self, auto_schema, direction):
        return dict(A_WALL_TIME)


class MetadataField(OpenApiSerializerFieldExtension):
    target_class = "booking.api.integration_fields.Metadata"

    def map_serializer_field(self, auto_schema, direction):
        if direction == "response":
            return {"type": "object", "additionalProperties": {"type": "string"}}
        return {
            "type": "object",
            "maxProperties": MAX_METADATA_KEYS,
            "propertyNames": {"minLength": 1, "maxLength": MAX_METADATA_KEY_LENGTH},
            "additionalProperties": {"type": ["string", "null"], "maxLength": MAX_METADATA_VALUE_LENGTH},
        }


class DayOrMomentField(OpenApiSerializerFieldExtension):
    target_class = "booking.api.fields.DayOrMoment"

    def map_serializer_field(self, auto_schema, direction):
        schema = {"anyOf": [A_DAY, A_MOMENT], "description": "A date, or a date-time with an offset."}
        return share(auto_schema.registry, "DayOrMoment", schema)


class StartTimeField(OpenApiSerializerFieldExtension):
    target_class = "booking.api.v1.opening_input.StartTime"

    def map_serializer_field(self, auto_schema, direction):
        schema = {
            "anyOf": [A_MOMENT, A_WALL_TIME],
            "description": "A date-time with an offset, or with `date` and `location_id` the local time as HH:MM.",
        }
        return share(auto_schema.registry, "StartTime", schema)


class AnswerValueField(OpenApiSerializerFieldExtension):
    target_class = "booking.api.v1.questions.AnswerValue"

    def map_serializer_field(self, auto_schema, direction):
        schema = {
            "type": ["string", "number", "boolean", "array"],
            "items": {"type": "string"},
            "description": "A text; for `choice` one of the options, for `choices` and `accessibility` a list of them; "
            "true or false for `yes_no`, true for `consent`; a date such as 2026-03-30 for `date`; a number for "
            "`number`.",
        }
        return share(auto_schema.registry, "AnswerValue", schema)
