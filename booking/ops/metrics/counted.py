"""What each process counts by itself. A label is a route, a method, a status or a code: no id, no name, no path."""

from prometheus_client import Counter, Histogram

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("holdfast_requests", "Requests that were answered.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "holdfast_request_seconds", "Time to answer a request.", ["route", "method"], buckets=SECONDS
)
REFUSALS = Counter("holdfast_refusals", "What was refused, by the code of its problem.", ["code"])
ERRORS = Counter("holdfast_errors", "Requests that ended in an error that nobody expected.")
SHED = Counter("holdfast_requests_shed", "Requests that were refused unread, since there were too many.")

BUSY = 503

# To look a child up here takes a tenth of the time that labels() needs.
_requests, _seconds = {}, {}


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count an answered request."""
    if method not in METHODS:
        method = "other"
    try:
        request, duration = _requests[route, method, status], _seconds[route, method]
    except KeyError:
        request = _requests[route, method, status] = REQUESTS.labels(route, method, status)
        duration = _seconds[route, method] = REQUEST_SECONDS.labels(route, method)
    request.inc()
    if status >= 500 and status != BUSY:
        ERRORS.inc()
    duration.observe(seconds)


def count_refusal(code: str) -> None:
    """Count a refusal; ``code`` is one of booking.api.problems."""
    REFUSALS.labels(code).inc()
