"""Logs: one line of JSON per record, without personal data."""

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

from django.db import Error as DatabaseError

# For Django, Celery and gunicorn alike.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "booking.ops.logs.Line"}},
    "filters": {"in_one_line": {"()": lambda: warn_in_one_line}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
        # booking.ops.middleware.access_log logs every request; keep only the failures from Django.
        "django.request": {"level": "ERROR"},
        "gunicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        # It warns of each answer to HEAD: Django writes the one to GET, and the web server leaves the body out.
        "gunicorn.http.wsgi": {"level": "ERROR"},
        "django.security.DisallowedHost": {"filters": ["in_one_line"]},
        # Beat ticks every second.
        "celery.beat": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

# What gunicorn says of a request that it cannot read: whence it came, what is wrong, and then a piece of it, which may
# be a patient's token.
UNREADABLE = re.compile(r"Invalid request from ip=\S+: ([A-Za-z ]+).*", re.DOTALL)

# No line names them, and to look them up for each takes a fifth of the time that a line takes.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

# As json.dumps would, which makes an encoder for each line.
write_json = json.JSONEncoder(default=str).encode

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def address(request):
    """Return the request's route to log instead of its path, which may contain a token."""
    if request.resolver_match:
        return "/" + request.resolver_match.route
    return "unknown"


def warn_in_one_line(record):
    """Make a warning without a traceback of an error that scanners cause at will; Django answers it with 400."""
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    record.exc_info = None
    record.msg, record.args = record.getMessage()[:200], ()
    return record


class Line(logging.Formatter):
    """Format a record as one line of JSON with its time, level, logger, message and request id."""

    def format(self, record):
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = self.exception(record.exc_info[1])
        return write_json(line)

    def message(self, record):
        """Return the message, with the route where Django or gunicorn put the path, and without Celery's quotations."""
        if record.name.startswith("celery.") and isinstance(record.args, dict) and "exc" in record.args:
            # The type alone: the error may quote a row, and its first line stands in the traceback.
            error = record.exc_info[1] if record.exc_info else None
            return str(record.msg) % (record.args | {"exc": type(error).__name__ if error else "an error"})
        if record.name.startswith(("django.", "gunicorn.")) and isinstance(record.args, tuple):
            request = getattr(record, "request", None)
            route = address(request) if hasattr(request, "resolver_match") else "…"
            args = tuple(route if str(arg).startswith("/") else arg for arg in record.args)
            message = str(record.msg) % args if args else str(record.msg)
            unreadable = UNREADABLE.fullmatch(message)
            return f"Invalid request: {unreadable[1].strip()}" if unreadable else message
        return record.getMessage()

    def exception(self, error):
        """Return the traceback without the rows that PostgreSQL quotes below the first line of its errors."""
        trace = traceback.TracebackException.from_exception(error)
        seen = trace
        while error is not None and seen is not None:
            if isinstance(error, DatabaseError) or type(error).__module__.startswith("psycopg"):
                seen._str = str(error).partition("\n")[0]  # pyright: ignore[reportAttributeAccessIssue]
            error, seen = error.__cause__ or error.__context__, seen.__cause__ or seen.__context__
        return "".join(trace.format())
