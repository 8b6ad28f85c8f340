"""Middleware that counts every request, and answers Prometheus by itself.

It stands outside all others: a scrape comes by IP address and over http, and is no request of a page.
"""

import hmac
from time import perf_counter

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from booking.ops.logs import address
from booking.ops.metrics.counted import count_request
from booking.ops.metrics.processes import write_counts

PATH = "/metrics"


def measure(get_response):
    """Count what others answer, and answer PATH; on the port of METRICS_BIND nothing else is there."""
    own_port = settings.METRICS_BIND.rpartition(":")[2]

    def middleware(request):
        is_scrape = request.path_info == PATH
        if own_port and request.META["SERVER_PORT"] == own_port:
            return answer_scrape(request, write_all) if is_scrape else HttpResponse(status=404)
        if is_scrape and settings.METRICS_TOKEN:
            return answer_scrape(request, write_all)
        started = perf_counter()
        response = get_response(request)
        count_request(address(request), request.method, response.status_code, perf_counter() - started)
        return response

    return middleware


def answer_scrape(request, write):
    """Return the metrics that ``write()`` returns, to whoever has the token where there is one."""
    given = request.headers.get("Authorization", "").encode()
    if settings.METRICS_TOKEN and not hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    return HttpResponse(write(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def write_all():
    """Return what the processes of the web server have counted, and what is true of the whole installation."""
    # It needs models, which are loaded after the middleware.
    from booking.ops.metrics.installation import write_readings

    return write_counts() + write_readings()
