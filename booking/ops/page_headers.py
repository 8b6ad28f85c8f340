"""The headers that every page for patients has, for those that are answered ahead of the middlewares that set them."""

from functools import cache, reduce
from io import BytesIO

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from booking.ops.middleware import ContentSecurityPolicy, framing, resource_policies

MIDDLEWARE = [framing, ContentSecurityPolicy, XFrameOptionsMiddleware, SecurityMiddleware, resource_policies]
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "443",
    "wsgi.url_scheme": "https",  # nothing is to be redirected
    "wsgi.input": BytesIO(),
}


@cache
def get_page_headers() -> dict[str, str]:
    """Return them, as the middlewares set them."""
    answer = reduce(lambda inner, middleware: middleware(inner), MIDDLEWARE, lambda request: HttpResponse())
    own = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
    return dict(answer(WSGIRequest(ENVIRON | {"wsgi.errors": BytesIO()})).headers) | own
