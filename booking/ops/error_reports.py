"""Report errors that nobody expected to Sentry, where SENTRY_DSN says so: what failed and where, never for whom.

The records of errors that are logged are what is reported, so a request costs nothing. A report has the type of each
exception and the lines of code that it came through; no text of an exception, no variables, no request but its method,
route and id, by which the log has the rest.
"""

import logging
from typing import Any

from django.conf import settings

from booking.ops import logs


def start() -> None:
    """Report what this process, and those that it forks, log as errors; do nothing without SENTRY_DSN."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
            DedupeIntegration(),
            AtexitIntegration(callback=lambda pending, timeout: None),
        ],
        before_send=scrub,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
    )


# What is kept of an event and of its parts. All else is dropped, also what a later release of Sentry's adds.
OF_EVENT = {"event_id", "timestamp", "platform", "level", "logger", "environment", "release", "server_name", "sdk"}
OF_EXCEPTION = {"type", "module", "mechanism"}
OF_FRAME = {
    "filename",
    "abs_path",
    "function",
    "module",
    "lineno",
    "pre_context",
    "context_line",
    "post_context",
    "in_app",
}
OF_MECHANISM = {"type", "handled", "exception_id", "parent_id", "is_exception_group"}


def scrub(event: Any, hint: dict[str, Any]) -> Any:
    """Return what is sent of an event."""
    record: Any = hint.get("log_record")
    request: Any = getattr(record, "request", None)
    sent = _keep(event, OF_EVENT)
    sent["tags"] = {"request_id": logs.request_id.get()} if logs.request_id.get() else {}
    if record:
        sent["logentry"] = {"message": str(record.msg)}  # without its arguments
    if hasattr(request, "resolver_match"):
        sent["transaction"] = f"{request.method} {logs.address(request)}"
    errors = (event.get("exception") or {}).get("values") or []
    if errors:
        sent["exception"] = {"values": [_scrub_exception(error) for error in errors]}
    return sent


def _scrub_exception(error):
    kept = _keep(error, OF_EXCEPTION)
    kept["mechanism"] = _keep(error.get("mechanism") or {}, OF_MECHANISM)
    frames = (error.get("stacktrace") or {}).get("frames") or []
    kept["stacktrace"] = {"frames": [_keep(frame, OF_FRAME) for frame in frames]}
    return kept


def _keep(members, names):
    return {name: value for name, value in members.items() if name in names}
