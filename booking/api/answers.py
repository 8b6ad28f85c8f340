"""What endpoints answer with."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse


class Answer(HttpResponse):
    """JSON that says ``data``: datetimes, dates and UUIDs too; a type that orjson does not know is a bug."""

    def __init__(self, data: Any, status: int = 200, headers: Mapping[str, str] | None = None):
        super().__init__(orjson.dumps(data), status=status, content_type="application/json", headers=headers)
        self.data = data
