"""From an exception of problems.PROBLEMS to the answer that clients of the other systems expect."""

from datetime import datetime

from rest_framework import exceptions

from booking.access.api_keys import InvalidKey
from booking.api.dialects.onsched.outputs import write_moment, write_opening
from booking.api.exception_handler import refuse
from booking.api.json_pointers import list_errors
from booking.api.problems import PROBLEMS
from booking.domain.approvals import ProviderUnavailable
from booking.domain.client_users import ClientUserExists
from booking.domain.slot_selection import NotOffered

JSON = "application/json"
# Clients of Junction read a 422 as a list of what is not valid, and know no 502.
STATUS_IN_JUNCTION = {
    exceptions.ValidationError: 422,
    exceptions.ParseError: 422,
    exceptions.UnsupportedMediaType: 422,
    NotOffered: 400,
    ClientUserExists: 400,
    502: 500,
}
# Where what the table advises is not to be had there.
ADVICE_IN_ONSCHED = {
    InvalidKey: "Send a live key: x-api-key: hf_sec_…",
    ProviderUnavailable: "Nothing is booked; if the time was held, it is held still. Try again.",
}


def get_writer(path):
    """Return what writes the refusals below a path, or None where it is no dialect's."""
    return WRITERS.get(path.split("/")[1]) if path.startswith("/") else None


def write_onsched(request, error):
    """``success`` is false, and there is a message; what that points at is beside it."""
    problem = PROBLEMS[type(error)]
    extras = problem.extras(error)
    body = {
        "success": False,
        "message": f"{problem.get_title(type(error))} {ADVICE_IN_ONSCHED.get(type(error), problem.advice)}",
        "code": problem.code,
        "request_id": request.id,
        **{name: write_moment(value) if isinstance(value, datetime) else value for name, value in extras.items()},
    }
    if "alternatives" in extras:
        body["alternatives"] = [write_opening(opening) for opening in extras["alternatives"]]
    if isinstance(error, exceptions.ValidationError):
        body["errors"] = [{"field": ".".join(place), "message": said} for place, said, _ in list_places(error)]
    return refuse(body, problem.status, extras, JSON)


def write_junction(request, error):
    """``detail`` is a sentence, or a list with a place for each member that is not valid."""
    problem = PROBLEMS[type(error)]
    status = STATUS_IN_JUNCTION.get(type(error)) or STATUS_IN_JUNCTION.get(problem.status, problem.status)
    detail = problem.get_title(type(error))
    if isinstance(error, exceptions.ValidationError):
        detail = [
            {"type": code, "loc": [get_origin(request, place), *place], "msg": said}
            for place, said, code in list_places(error)
        ]
    elif isinstance(error, ClientUserExists):
        detail = {
            "error_type": "INVALID_REQUEST",
            "error_message": detail,
            "user_id": error.client_user.pk,
            "created_on": error.client_user.created_at,
        }
    elif status == 422:
        detail = [{"type": problem.code, "loc": ["body"], "msg": detail}]
    return refuse({"detail": detail}, status, problem.extras(error), JSON)


def get_origin(request, place):
    """Return which part of a request has what is not valid: query, header or body."""
    name = place[0] if place else ""
    if name.lower().startswith("x-"):
        return "header"
    return "query" if name in request.GET or request.method == "GET" else "body"


def list_places(error):
    """Yield what a ValidationError says: ``(place, sentence, code)``, the place as a list of names."""
    for each in list_errors(error):
        yield each["pointer"].split("/")[1:], each["detail"], each["code"]


WRITERS = {"onsched": write_onsched, "junction": write_junction}
