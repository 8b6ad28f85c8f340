"""From an exception to its answer: application/problem+json (RFC 9457), and nothing of ours that is not public."""

import logging
from collections.abc import Callable

import orjson
from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions

from booking.access.api_keys import InvalidKey
from booking.api.authentication import CHALLENGE
from booking.api.problems import PROBLEMS
from booking.api.refusals import Busy, InternalError, RequestTooLarge, TooManyParameters, Unreadable
from booking.ops.metrics.counted import count_refusal

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


def handle_exception(error: Exception, context: dict, *, write: Callable | None = None) -> HttpResponse:
    """Return the problem that an exception raised by a view is answered with; log it if nobody expected it.

    This is DRF's EXCEPTION_HANDLER. ``write(request, problem)`` writes the answer, by default as problem+json.
    """
    problem = get_problem(error)
    count_refusal(PROBLEMS[type(problem)].code)
    if isinstance(problem, InternalError):
        logger.error("unexpected error", exc_info=error, extra={"request": context["request"]})
    response = (write or problem_response)(context["request"], problem)
    if isinstance(problem, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def get_problem(error: Exception) -> BaseException:
    """Return an exception of the table for any exception, what is unexpected as an InternalError."""
    if isinstance(error, OperationalError | InterfaceError):  # it waits too long for others, or is not there
        return Busy()
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        found = error.__cause__  # by the authentication class
        return found if isinstance(found, Exception) else InvalidKey()
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, TooManyFieldsSent):
        return TooManyParameters()
    if isinstance(error, RequestDataTooBig):
        return RequestTooLarge()
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return Unreadable()
    return error if type(error) in PROBLEMS else InternalError()


def problem_response(request, error: BaseException) -> HttpResponse:
    """Return the problem+json answer to an exception of the table."""
    problem = PROBLEMS[type(error)]
    extras = problem.extras(error)
    body = {
        "type": get_problem_url(request, problem),
        "title": problem.get_title(type(error)),
        "status": problem.status,
        "detail": problem.advice,
        "instance": escape_uri_path(request.path),
        "code": problem.code,
        "request_id": request.id,
        **extras,
    }
    return refuse(body, problem.status, extras, CONTENT_TYPE)


def refuse(body: dict, status: int, extras: dict, content_type: str) -> HttpResponse:
    """Return the answer to a refused request; ``extras`` are what Problem.extras returned."""
    response = HttpResponse(orjson.dumps(body), status=status, content_type=content_type)
    response["Cache-Control"] = "no-store"
    if "retry_after" in extras:
        response["Retry-After"] = extras["retry_after"]
    if status == 401:
        response["WWW-Authenticate"] = CHALLENGE
    return response


def get_problem_url(request, problem):
    """Return the address of a problem's page: without our name where the Host header says a wrong one."""
    path = f"/problems/{problem.code}"
    try:
        return request.build_absolute_uri(path)
    except DisallowedHost:
        return path
