"""Pages for patients that are answered ahead of all middlewares, and the headers that those would set."""

from functools import lru_cache, reduce
from io import BytesIO

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.loader import render_to_string

from booking.models.embedding import get_last_embedding_sites
from booking.ops.middleware import ContentSecurityPolicy, allow_framing_by, framing, resource_policies
from scheduling.lib.languages import use_language
from scheduling.lib.recent_results import RecentResults

MIDDLEWARE = [framing, ContentSecurityPolicy, XFrameOptionsMiddleware, SecurityMiddleware, resource_policies]
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "443",
    "wsgi.url_scheme": "https",  # nothing is to be redirected
    "wsgi.input": BytesIO(),
}

pages = RecentResults[bytes](max_age=60, max_size=50)


def get_page_headers() -> dict[str, str]:
    """Return them, as the middlewares set them. All listed sites may frame these pages: nothing can be done there."""
    return make_page_headers(frozenset(origin for origin, _ in get_last_embedding_sites()))


@lru_cache(maxsize=4)
def make_page_headers(framed_by):
    def answer_plainly(request):
        response = HttpResponse()
        allow_framing_by(response, framed_by)
        return response

    answer = reduce(lambda inner, middleware: middleware(inner), MIDDLEWARE, answer_plainly)
    own = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
    return dict(answer(WSGIRequest(ENVIRON | {"wsgi.errors": BytesIO()})).headers) | own


def get_page(language: str, *, is_repeatable: bool = True) -> bytes:
    """Return the page that tries again by itself, or for what is not repeatable asks its reader to."""
    return pages.get(lambda: render_page(language, is_repeatable), (language, is_repeatable))


def render_page(language, is_repeatable):
    with use_language(language):
        return render_to_string("problems/overloaded.html", {"is_repeatable": is_repeatable}).encode()
