"""Which member of a body, or parameter of an address, an error is about: a JSON pointer (RFC 6901) for each."""

from itertools import islice
from urllib.parse import quote

MAX_ERRORS = 20


def list_errors(error):
    """Return {pointer, code, detail} of each error in a ValidationError, of the first ones if there are many."""
    return list(islice(_each(error.get_full_details(), "#"), MAX_ERRORS))


def _each(details, pointer):
    if is_error(details):
        yield {"pointer": pointer, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            at = pointer if name == "non_field_errors" else f"{pointer}/{escape_name(name)}"
            yield from _each(inner, at)
    else:
        for number, inner in enumerate(details):
            yield from _each(inner, pointer if is_error(inner) else f"{pointer}/{number}")


def is_error(details):
    # A member that somebody calls "message" has a list of errors there, not a text.
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["message"], str)


def escape_name(name):
    """Return a member's name as a pointer has it; of a very long one the beginning."""
    return quote(str(name)[:100].replace("~", "~0").replace("/", "~1"), safe="~", errors="replace")
