"""Middlewares that are for pages alone: what is asked of an endpoint passes by, since who asks shows a key.

In MIDDLEWARE they stand between ``pages_only`` and ``end_pages_only``. Django still calls all that they have beside:
``process_view`` and ``process_exception``.
"""

from collections.abc import Callable

from django.core.exceptions import MiddlewareNotUsed

ENDPOINTS = "/api/v1/"

# What the ends lead to whose beginnings are not loaded yet: Django loads middlewares from the last to the first.
_behind_end: list[Callable] = []


def pages_only(get_response):
    """Middleware that leads what is asked of an endpoint right behind the next ``end_pages_only``."""
    get_endpoint_response = _behind_end.pop()

    def middleware(request):
        if request.path_info.startswith(ENDPOINTS):
            return get_endpoint_response(request)
        return get_response(request)

    return middleware


def end_pages_only(get_response):
    _behind_end.append(get_response)
    raise MiddlewareNotUsed
