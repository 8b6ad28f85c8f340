"""What requests may contain: serializers that refuse what they do not know. fields.py has their fields."""

from copy import copy, deepcopy
from functools import cache
from typing import NamedTuple

from rest_framework import serializers

MAX_MEMBERS = 200  # of an object, and of a list


class Way(NamedTuple):
    """One of the ways to put a body: its name in OpenAPI, the fields it needs, and those it alone allows beside."""

    name: str
    needs: tuple
    allows: tuple = ()


class Input(serializers.Serializer):
    """The fields of a body. An unknown one is an error, so that a typing error does not go unnoticed.

    ``ways`` has the Ways of which one must be taken, where a body can be put in several; ``second_ways`` those of a
    second choice, which ``validate`` checks. OpenAPI has a schema of its own for each way.
    """

    ways = ()
    second_ways = ()

    def get_fields(self):
        """Return the declared fields, copied: DRF builds each anew, which takes longer than to validate it.

        One with fields of its own is built anew, as its fields know it as their parent.
        """
        return {
            name: deepcopy(field)
            if hasattr(field, "child") or isinstance(field, serializers.Serializer)
            else copy(field)
            for name, field in self._declared_fields.items()
        }

    def to_internal_value(self, data):
        if isinstance(data, dict):
            if len(data) > MAX_MEMBERS:
                raise serializers.ValidationError({"non_field_errors": [TOO_MANY]})
            errors = {name: [UNKNOWN] for name in data if name not in self.fields}
            errors |= {name: [REPEATED] for name in getattr(data, "repeated", ())}
            errors |= self.find_type_errors(data)
            if errors:
                raise serializers.ValidationError(errors)
        errors = self.find_way_errors(data)
        try:
            fields = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError(errors | error.detail) from None
        if errors:
            raise serializers.ValidationError(errors)
        return fields

    def find_way_errors(self, data):
        """Return an error that says all the ways, if nothing was sent of any."""
        if not self.ways or self.partial or any(name in data for way in self.ways for name in way.needs):
            return {}
        said = f"Send {', or '.join(' and '.join(way.needs) for way in self.ways)}."
        return {self.ways[0].needs[0]: [serializers.ErrorDetail(said, code="required")]}

    def find_type_errors(self, data):
        """Return an error for each member of another JSON type than its field has: "1" is not 1, though 1.0 is."""
        errors = {}
        for name, value in data.items():
            if isinstance(value, list) and len(value) > MAX_MEMBERS:
                errors[name] = [TOO_MANY]
            wanted = json_type(self.fields.get(name))
            is_whole = wanted is int and type(value) is float and value.is_integer()
            if wanted and value is not None and type(value) is not wanted and not is_whole:
                errors[name] = [serializers.ErrorDetail(f"This must be {TYPES[wanted]}.", code="type")]
        return errors


TYPES = {bool: "true or false", int: "a whole number", str: "a text"}


def json_type(field):
    """Return the Python type of a field's JSON, or None where the field itself is strict."""
    if isinstance(field, serializers.BooleanField):
        return bool
    if isinstance(field, serializers.IntegerField):
        return int
    return str if isinstance(field, WRITTEN_AS_TEXT) else None


WRITTEN_AS_TEXT = (
    serializers.CharField,
    serializers.UUIDField,
    serializers.DateField,
    serializers.ChoiceField,
    serializers.PrimaryKeyRelatedField,
)
UNKNOWN = serializers.ErrorDetail("There is no such field; check its spelling.", code="unknown")
TOO_MANY = serializers.ErrorDetail(f"There may be {MAX_MEMBERS} here at most.", code="too_many")
REPEATED = serializers.ErrorDetail("This may be given only once.", code="repeated")


class Query(Input):
    """The parameters of an address: like a body, but all are text, and only lists may be given more than once."""

    def find_type_errors(self, data):
        return {}

    def to_internal_value(self, data):
        values, repeated = {}, {}
        for name, given in data.lists():
            if isinstance(self.fields.get(name), serializers.ListField):
                values[name] = given
            elif len(given) > 1:
                repeated[name] = [REPEATED]
            else:
                values[name] = given[0]
        if repeated:
            raise serializers.ValidationError(repeated)
        return super().to_internal_value(values)


@cache
def is_empty_without_parameters(form: type[Query]) -> bool:
    """Return whether a Query that is sent no parameters has no fields then: it need not be built to be read."""
    is_plain = form.validate is Query.validate and form.to_internal_value is Query.to_internal_value and not form.ways
    return is_plain and not any(
        field.required or field.default is not serializers.empty for field in form().fields.values()
    )
