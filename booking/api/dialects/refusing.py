"""From an exception of problems.PROBLEMS to the answer that clients of the other systems expect."""

from rest_framework import exceptions

from ...choosing import NotOffered
from ..pointers import list_errors
from ..problems import PROBLEMS
from ..refusing import refusal

JSON = "application/json"
# Clients of Junction read a 422 as a list of what is not valid, and know no 502.
STATUS_IN_JUNCTION = {
    exceptions.ValidationError: 422, exceptions.ParseError: 422, exceptions.UnsupportedMediaType: 422,
    NotOffered: 400, 502: 500,
}


def writer_for(path):
    """Return what writes the refusals below a path, or None where it is no dialect's."""
    return WRITERS.get(path.split("/")[1]) if path.startswith("/") else None


def write_onsched(request, error):
    """``success`` is false, and there is a message."""
    problem = PROBLEMS[type(error)]
    body = {
        "success": False,
        "message": f"{problem.title_of(type(error))} {problem.advice}",
        "code": problem.code,
        "request_id": request.id,
    }
    if isinstance(error, exceptions.ValidationError):
        body["errors"] = [{"field": ".".join(place), "message": said} for place, said, _ in places(error)]
    return refusal(body, problem.status, problem.extras(error), JSON)


def write_junction(request, error):
    """``detail`` is a sentence, or a list with a place for each member that is not valid."""
    problem = PROBLEMS[type(error)]
    status = STATUS_IN_JUNCTION.get(type(error)) or STATUS_IN_JUNCTION.get(problem.status, problem.status)
    detail = problem.title_of(type(error))
    if isinstance(error, exceptions.ValidationError):
        detail = [
            {"type": code, "loc": ["query" if place[:1] and place[0] in request.GET else "body", *place], "msg": said}
            for place, said, code in places(error)
        ]
    elif status == 422:
        detail = [{"type": problem.code, "loc": ["body"], "msg": detail}]
    return refusal({"detail": detail}, status, problem.extras(error), JSON)


def places(error):
    """Yield what a ValidationError says: ``(place, sentence, code)``, the place as a list of names."""
    for each in list_errors(error.get_full_details()):
        yield each["pointer"].split("/")[1:], each["detail"], each["code"]


WRITERS = {"onsched": write_onsched, "junction": write_junction}
