"""The JSON body of a request, read strictly."""

import json
from collections import Counter

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class Members(dict):
    """The members of a JSON object; ``repeated`` has the names that were given more than once."""

    def __init__(self, pairs=()):
        super().__init__(pairs)
        self.repeated = []
        if len(self) < len(pairs):
            self.repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]


read_members = json.JSONDecoder(object_pairs_hook=Members).decode


class JsonParser(BaseParser):
    """Read a JSON object in UTF-8 as Members; raises ParseError. Input refuses the repeated ones, with a pointer."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None) -> Members:
        return read_json(stream.read())


class AnyTypeJsonParser(BaseParser):
    """Read a body as JSON whatever its Content-Type says; white space is an object without members."""

    media_type = "*/*"

    def parse(self, stream, media_type=None, parser_context=None) -> Members:
        raw = stream.read()
        return read_json(raw) if raw.strip() else Members()


def read_json(raw: bytes) -> Members:
    """Return the Members of a JSON object in UTF-8, or raise ParseError."""
    try:
        orjson.loads(raw)  # strict: no NaN, no half characters, not nested a thousand times
        data = read_members(raw.decode())
    except (ValueError, RecursionError) as error:
        raise ParseError from error
    if not isinstance(data, Members):
        raise ParseError
    return data
