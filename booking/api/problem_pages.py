"""The pages that the ``type`` of a problem leads to: what happened and what can be done."""

import json
from http import HTTPStatus

from django.http import Http404
from django.shortcuts import render

from booking.api.not_offered_reasons import REASONS
from booking.api.problems import PROBLEMS


def problems(request):
    """All problems, by their code."""
    return render(request, "problems/index.html", {"problems": sorted(described(), key=lambda each: each["code"])})


def problem(request, code):
    """One problem; several exceptions may be answered alike."""
    found = [each for each in described() if each["code"] == code]
    if not found:
        raise Http404
    return render(request, "problems/problem.html", {"problem": found[0], "problems": found})


def described():
    """Yield each row of the table as the pages show it."""
    for exception, row in PROBLEMS.items():
        title = row.get_title(exception)
        body = {
            "type": f"/problems/{row.code}",
            "title": title,
            "status": row.status,
            "detail": row.advice,
            "instance": "/api/v1/…",
            "code": row.code,
            "request_id": "4f1c7f0f5d0b4c1f9a3e6f2b8d7c6a5e",
            **row.example,
        }
        yield {
            "code": row.code,
            "status": row.status,
            "phrase": HTTPStatus(row.status).phrase,
            "title": title,
            "advice": row.advice,
            "body": json.dumps(body, indent=2, ensure_ascii=False),
            "reasons": REASONS if "reason" in row.example else {},
        }
