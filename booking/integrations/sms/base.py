"""What every gateway for text messages can do, and how it says that it could not."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from django.http import HttpRequest

TIMEOUT = 15.0  # seconds that a gateway has to answer


class Text(NamedTuple):
    """A text message to send to ``number`` (E.164); reports on it go to ``callback_url``, which may be empty."""

    id: UUID
    number: str
    body: str
    callback_url: str


class Report(NamedTuple):
    """What a gateway says has become of a text: a TextMessage.Status, and its own code if it failed."""

    status: str
    error: str = ""


class Rejected(Exception):
    """The gateway will not send that text, now or later. ``code`` is its own; its sentence may have the number."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"the gateway refused it: {code}")


class Unavailable(Exception):
    """The gateway could not be reached, or asks to be tried again ``after`` (a timedelta)."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        self.after = after
        super().__init__(reason)


def is_transient(status: int) -> bool:
    """Return whether an HTTP status says that the same may go well later."""
    return status >= 500 or status in (408, 425, 429)


class Gateway(Protocol):
    """Whoever hands texts on to the telephone network."""

    def send(self, text: Text) -> str:
        """Hand over a text within half a minute, and return the gateway's id for it, "" if it has none.

        Raises Rejected or Unavailable.
        """
        ...

    def read_report(self, request: HttpRequest, form: Mapping[str, str]) -> Report | None:
        """Return the Report in a request, None if it says nothing new; raises PermissionDenied if it is forged."""
        ...
