"""Others' middleware that the endpoints of the API have no use for: who asks those shows a key, and has no session."""

from collections.abc import Callable

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django_htmx import middleware as htmx

ENDPOINTS = "/api/v1/"


class PagesOnly:
    """Comes before a middleware among the bases of a class, which then lets what is asked of an endpoint pass."""

    get_response: Callable

    def __call__(self, request):
        if request.path_info.startswith(ENDPOINTS):
            return self.get_response(request)
        return super().__call__(request)  # pyright: ignore[reportAttributeAccessIssue]


class SessionMiddleware(PagesOnly, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(PagesOnly, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(PagesOnly, messages.MessageMiddleware):
    pass


class HtmxMiddleware(PagesOnly, htmx.HtmxMiddleware):
    pass
