"""What a request may be, before anything reads it: how large, and no upload.

``DATA_UPLOAD_MAX_MEMORY_SIZE`` does not count files, and Django's CSRF check parses a form, files too, before any view.
"""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

MAX_UPLOAD_BYTES = 5_000_000  # the largest that any page takes
HAVE_BODIES = {"POST", "PUT", "PATCH"}


class RequestLimits:
    """Middleware: refuse a body that is too large (413), without a length (411), or multipart (415).

    Multipart passes for signed-in staff where the view, or its ModelAdmin, has ``takes_files = True``, and may be as
    large as its ``max_upload_bytes``, if it has any. Stands ahead of CsrfViewMiddleware. Below /api/,
    ``only_problems`` makes a problem of each refusal.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or ""
        limit = MAX_UPLOAD_BYTES if is_multipart(request) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length and not (re.fullmatch("[0-9]{1,9}", length) and int(length) <= limit):
            return refuse(request, 413)
        if not length and "Transfer-Encoding" in request.headers and request.method in HAVE_BODIES:
            return refuse(request, 411)  # Django would read it as empty
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs) -> HttpResponse | None:
        if not is_multipart(request):
            return None
        page = view if hasattr(view, "takes_files") else getattr(view, "model_admin", None)
        if not (getattr(page, "takes_files", False) and request.user.is_active and request.user.is_staff):
            return refuse(request, 415)
        limit = getattr(page, "max_upload_bytes", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        return refuse(request, 413) if int(request.META.get("CONTENT_LENGTH") or 0) > limit else None


def is_multipart(request) -> bool:
    """Return whether a request brings a form that may have files."""
    return (request.content_type or "").startswith("multipart/")


def refuse(request, status):
    """Return the page that says why."""
    request.is_refused_unread = True
    response = render(request, f"problems/{status}.html", status=status)
    response["Cache-Control"] = "no-store"
    return response
