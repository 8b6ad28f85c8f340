"""What a request may be, before anything reads it: how large, and no upload.

``DATA_UPLOAD_MAX_MEMORY_SIZE`` does not count files, and Django's CSRF check parses a form, files too, before any view.
"""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

HAVE_BODIES = {"POST", "PUT", "PATCH"}


class RequestLimits:
    """Middleware: refuse a body that is too large (413), without a length (411), or multipart (415).

    Multipart passes for signed-in staff where the view, or its ModelAdmin, has ``takes_files = True``. Stands ahead of
    CsrfViewMiddleware. Below /api/, ``only_problems`` makes a problem of each refusal.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or ""
        if length and not (re.fullmatch("[0-9]{1,9}", length) and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE):
            return refuse(request, 413)
        if not length and "Transfer-Encoding" in request.headers and request.method in HAVE_BODIES:
            return refuse(request, 411)  # Django would read it as empty
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs) -> HttpResponse | None:
        if not (request.content_type or "").startswith("multipart/"):
            return None
        takes_files = getattr(view, "takes_files", False) or getattr(
            getattr(view, "model_admin", None), "takes_files", False
        )
        is_allowed = takes_files and request.user.is_active and request.user.is_staff
        return None if is_allowed else refuse(request, 415)


def refuse(request, status):
    """Return the page that says why."""
    request.is_refused_unread = True
    response = render(request, f"problems/{status}.html", status=status)
    response["Cache-Control"] = "no-store"
    return response
