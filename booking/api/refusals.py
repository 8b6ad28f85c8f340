"""The API's own refusals. Each docstring is a public sentence; problems.PROBLEMS says how each is answered."""


class Unreadable(Exception):
    """The request could not be read."""


class TooManyParameters(Exception):
    """The address has too many parameters."""


class RequestTooLarge(Exception):
    """The body of a request may have a megabyte at most."""


class LengthRequired(Exception):
    """The length of the body must be said before it is sent."""


class HttpsRequired(Exception):
    """The API answers over https only."""


class NotHeldAnyMore(Exception):
    """It is not held any more: it has been booked."""


class MissingScope(Exception):
    """The API key does not have the scope this needs."""

    def __init__(self, scope):
        self.scope = scope
        super().__init__(scope)


class ForeignOrigin(Exception):
    """A publishable key works only in pages of the sites it names (header Origin)."""


class Throttled(Exception):
    """Too many requests."""

    def __init__(self, retry_after):
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class Busy(Exception):
    """The server is busy with that time."""

    retry_after = 2


class InternalError(Exception):
    """Something went wrong on our side."""
