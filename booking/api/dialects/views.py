"""What the dialects share: views that read leniently and refuse in the words of the system their clients know."""

from contextlib import suppress
from functools import partial

from rest_framework.exceptions import AuthenticationFailed, NotFound, ValidationError
from rest_framework.serializers import ListField

from booking.api import serializers
from booking.api.dialects.problem_writers import get_writer
from booking.api.operation import operation as api_operation
from booking.api.parsers import AnyTypeJsonParser
from booking.api.views import ApiView


class Lenient:
    """Reads the members it knows, in camelCase or snake_case; ignores the others, and those that are null.

    ``aliases`` has further names of fields, as normalize_name returns them; ``unsupported`` the members that must not
    be ignored, because the caller counts on them: they are refused.
    """

    aliases = {}
    unsupported = ()

    def select_known(self, data):
        """Return the members of ``data`` under the names of their fields."""
        refused = {normalize_name(name): name for name in self.unsupported}
        found = [
            refused[normalize_name(name)] for name, value in data.items() if normalize_name(name) in refused and value
        ]
        if found:
            raise ValidationError(dict.fromkeys(found, "That does not exist here; leave it out."), code="unsupported")
        fields = {normalize_name(name): name for name in self.fields} | self.aliases
        return {
            fields[normalize_name(name)]: value
            for name, value in data.items()
            if normalize_name(name) in fields and value is not None
        }


def normalize_name(name):
    """Return a member's name as it is compared."""
    return name.lower().replace("_", "").removesuffix("[]")


class Input(Lenient, serializers.Input):
    """The fields of a body."""

    def to_internal_value(self, data):
        return super().to_internal_value(self.select_known(data) if isinstance(data, dict) else data)


class Query(Lenient, serializers.Query):
    """The parameters of an address; an empty one is none."""

    def to_internal_value(self, data):
        values = {}
        for name, given in data.lists():
            for field, texts in self.select_known({name: [text for text in given if text]}).items():
                values.setdefault(field, []).extend(texts)
        lists = {name for name in values if isinstance(self.fields[name], ListField)}
        found = {name: texts if name in lists else texts[-1] for name, texts in values.items() if texts}
        return serializers.Input.to_internal_value(self, found)


operation = partial(api_operation, query=Query, body=Input)


class DialectView(ApiView):
    """An endpoint of another system. Its clients show their key in a header of that system's, or as a Bearer."""

    schema = None  # docs/dialects.md tells of it
    parser_classes = [AnyTypeJsonParser]
    is_personal = True
    once_with_a_key = ("POST", "PATCH", "PUT")

    def get_exception_handler(self):
        return partial(super().get_exception_handler(), write=get_writer(self.request.path_info))


class NotHere(DialectView):
    """Any other address of a dialect."""

    def initial(self, request, *args, **kwargs):
        with suppress(AuthenticationFailed):
            super().initial(request, *args, **kwargs)  # so that a page on the key's sites may read the answer
        raise NotFound
