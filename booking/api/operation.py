"""What each method of an endpoint takes and gives: declared beside it, enforced by it, written out as OpenAPI."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

from booking.api.deprecation import Deprecation
from booking.api.serializers import Input, Query


@dataclass(frozen=True, kw_only=True)
class Operation:
    """``name`` is the operation's, where its endpoint's class does not say it.

    ``query`` and ``body`` are the forms it accepts, by default none but an empty one. ``read(data, context)`` reads a
    body that is as most are, faster than the form; it returns what the form would, or None.

    ``output`` is the serializer that says how its data looks (None: the endpoint's own ``output``);
    ``many`` a list of them, ``nullable`` perhaps null, ``dated`` whether ``meta`` has ``generated_at``,
    ``tells_calendars`` whether it has ``calendars``.
    ``refusals`` are the exceptions that only some endpoints raise, each of which problems.PROBLEMS has.
    ``has_etag`` tells answers with a version, ``supports_if_match`` requests that may name one, and
    ``has_location`` answers that say where something new can be read.
    ``deprecation`` says that it is to go as a whole, ``deprecated_members`` which of its parameters and members are.
    """

    name: str = ""
    query: type = Query
    body: type = Input
    read: Callable[[Any, dict], dict | None] | None = None
    output: type | None = None
    many: bool = False
    nullable: bool = False
    dated: bool = False
    tells_calendars: bool = False
    status: tuple = (200,)
    refusals: tuple = ()
    has_etag: bool = False
    has_location: bool = False
    supports_if_match: bool = False
    deprecation: Deprecation | None = None
    deprecated_members: dict[str, Deprecation] = field(default_factory=dict)


def operation(**terms) -> Callable:
    """Declare the Operation of an ApiView's method.

    The method is called with ``view.operation`` set and the address read into ``view.parameters``, and once for
    all requests with one Idempotency-Key.
    """
    declared = Operation(**terms)

    def declare(method):
        @wraps(method)
        def run(view, request, **kwargs):
            return view.run(declared, partial(method, view))

        run.operation = declared
        return run

    return declare


def get_operation(view, method: str) -> Operation:
    """Return the Operation of a view's HTTP method, in capitals."""
    return getattr(view, method.lower()).operation
