"""Middleware: request ids, the access log, frame policies, and 503 when the database is busy."""

import logging
import re
import time
import uuid
from functools import cache

from csp.constants import HEADER, NONE, SELF
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.shortcuts import render
from django.urls import get_script_prefix, reverse

from booking.models.embedding import get_last_embedding_sites
from booking.ops import logs

logger = logging.getLogger("booking.access")


def request_id(get_response):
    """Set the request's id, or keep the proxy's, for the logs and X-Request-Id."""

    def middleware(request):
        given = request.headers.get("X-Request-Id", "")
        request.id = given if re.fullmatch("[A-Za-z0-9_-]{8,64}", given) else uuid.uuid4().hex
        token = logs.request_id.set(request.id)
        try:
            response = get_response(request)
        finally:
            logs.request_id.reset(token)
        response["X-Request-Id"] = request.id
        return response

    return middleware


def access_log(get_response):
    """Log one line per request, with the route instead of the path, which may contain a token."""

    def middleware(request):
        started = time.perf_counter()
        response = get_response(request)
        milliseconds = round((time.perf_counter() - started) * 1000)
        fields = {"method": request.method, "status": response.status_code, "ms": milliseconds}
        logger.info(logs.address(request), extra={"fields": fields})
        return response

    return middleware


# What of a device the pages use: nothing. Staff's pages may ask for passkeys.
NO_FEATURES = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer autoplay camera display-capture encrypted-media fullscreen geolocation gyroscope hid "
        "magnetometer microphone midi payment picture-in-picture screen-wake-lock serial usb xr-spatial-tracking"
    ).split()
)
NO_PASSKEYS = ", publickey-credentials-create=(), publickey-credentials-get=()"
# What other sites have no use for. They frame the pages for patients, and load static files and what the API answers.
OWN_PATHS = ("/admin/", "/calendars/", "/problems/")


def resource_policies(get_response):
    """Say which features of a device a page may use, and which sites may load it."""

    def middleware(request):
        response = get_response(request)
        response["Permissions-Policy"] = NO_FEATURES if is_admin(request) else NO_FEATURES + NO_PASSKEYS
        is_own = request.path_info.startswith(OWN_PATHS)
        response["Cross-Origin-Resource-Policy"] = "same-origin" if is_own else "cross-origin"
        return response

    return middleware


class ContentSecurityPolicy(CSPMiddleware):
    """Send CONTENT_SECURITY_POLICY; for admin, forbid framing."""

    def __init__(self, get_response):
        super().__init__(get_response)
        self.policy = build_policy()  # without a nonce it is the same for every answer, and slow to build

    def process_response(self, request, response):
        is_usual = not (request.csp_nonce or hasattr(response, "_csp_replace"))  # pyright: ignore[reportAttributeAccessIssue]
        if settings.DEBUG or is_admin(request) or not is_usual:
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self.policy)
        return response

    def get_policy_parts(self, request, response, report_only=False):
        parts = super().get_policy_parts(request, response, report_only)
        if is_admin(request):
            parts.replace = {"frame-ancestors": [NONE]}
        return parts


def framing(get_response):
    """Make X-Frame-Options agree with frame-ancestors, or omit it, since it cannot name other sites."""

    def middleware(request):
        response = get_response(request)
        ancestors = settings.WIDGET_FRAME_ANCESTORS
        if is_admin(request) or getattr(response, "xframe_options_exempt", False):
            pass  # XFrameOptionsMiddleware denies the first, and a page has allowed the other
        elif ancestors == [SELF]:
            response["X-Frame-Options"] = "SAMEORIGIN"
        elif ancestors != [NONE]:
            response.xframe_options_exempt = True
        return response

    return middleware


def allow_framing_by(response, origins):
    """Let these sites frame a page, beside those of WIDGET_FRAME_ANCESTORS."""
    if origins:
        ancestors = [each for each in settings.WIDGET_FRAME_ANCESTORS if each != NONE]
        response._csp_replace = {"frame-ancestors": [*ancestors, *sorted(origins)]}
        response.xframe_options_exempt = True  # it cannot name other sites


def is_admin(request):
    return request.path_info.startswith(get_admin_path())


@cache
def get_admin_path() -> str:
    # Asked for three times by each request, as path_info has it: without the language that a page's links have.
    return "/" + reverse("admin:index").removeprefix(get_script_prefix())


class Busy:
    """Answer 503 after a lock or statement timeout, or when the database is down."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, OperationalError | InterfaceError):
            cause = type(exception.__cause__).__name__
            logger.warning("the database did not answer in time", extra={"fields": {"cause": cause}})
            response = render(request, "problems/busy.html", status=503)
            if not is_admin(request):
                allow_framing_by(response, {origin for origin, _ in get_last_embedding_sites()})
            response["Retry-After"] = "2"
            return response
        return None
