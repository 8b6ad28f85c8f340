"""The net below the API: what answers in place of an endpoint, Django itself above all, says it as a problem too."""

import re

from django.conf import settings
from rest_framework import exceptions

from booking.api import refusals
from booking.api.dialects.problem_writers import JSON, get_writer
from booking.api.exception_handler import CONTENT_TYPE, problem_response
from booking.api.problems import PROBLEMS
from booking.ops.metrics.counted import count_refusal

ERRORS = {
    400: refusals.Unreadable(),
    404: exceptions.NotFound(),
    405: exceptions.MethodNotAllowed("that"),
    406: exceptions.NotAcceptable(),
    411: refusals.LengthRequired(),
    413: refusals.RequestTooLarge(),
    415: exceptions.UnsupportedMediaType("that"),
    503: refusals.Busy(),
}
KEPT_HEADERS = ("access-control-", "allow", "vary")


def only_problems(get_response):
    """Middleware, outside all others that may answer: every failure below /api/ is a problem+json.

    Below the address of a dialect it is said in that one's words.
    """

    def middleware(request):
        response = get_response(request)
        is_fine = response.status_code < 300 or response.status_code == 304
        is_api = re.match("/api(/|$)", request.path_info)
        write, wanted = (problem_response, CONTENT_TYPE) if is_api else (get_writer(request.path_info), JSON)
        if is_fine or write is None or response["Content-Type"] == wanted:
            return response
        error = get_error(request, response)
        count_refusal(PROBLEMS[type(error)].code)
        problem = write(request, error)
        for name, value in response.headers.items():
            if name.lower().startswith(KEPT_HEADERS):
                problem[name] = value
        return problem

    return middleware


def get_error(request, response):
    if 300 <= response.status_code < 400:
        to_https = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        return refusals.HttpsRequired() if to_https else exceptions.NotFound()
    return ERRORS.get(response.status_code, refusals.InternalError())
