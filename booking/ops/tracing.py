"""Traces from a request to its mails and webhooks, for OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says so.

A message of the outbox carries the trace of the request that wrote it in its payload, as ``traceparent``: what a worker
does with it, on another host and perhaps days later, is part of the same trace. Spans have routes instead of paths and
SQL without its parameters. What a client sends as traceparent is ignored: it would decide what is kept.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created

from booking.ops import logs

MAX_TEXT = 4_000  # characters of the statements of one trip

_tracer: Any = None


def start(role: str) -> None:
    """Send traces of what this process does; do nothing without an endpoint. Call it once it is forked."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        os.environ.setdefault("OTEL_SERVICE_NAME", f"holdfast-{role}")
        provider = TracerProvider()  # its sampler and resource are OTEL_…'s
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace_with(provider)


def trace_with(provider: Any) -> None:
    """Have a TracerProvider get the spans from now on, or nobody with None."""
    global _tracer
    _tracer = provider and provider.get_tracer("holdfast")
    if provider:
        connection_created.connect(_trace_statements, dispatch_uid="tracing")
    else:
        connection_created.disconnect(dispatch_uid="tracing")


def trace_requests(get_response):
    """Middleware: a span for each request."""
    from opentelemetry.trace import SpanKind, StatusCode

    def middleware(request):
        if _tracer is None:
            return get_response(request)
        with _tracer.start_as_current_span(request.method, kind=SpanKind.SERVER, record_exception=False) as span:
            response = get_response(request)
            route = logs.address(request)
            span.update_name(f"{request.method} {route}")
            span.set_attributes(
                {
                    "http.request.method": request.method,
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                    "holdfast.request_id": response.headers.get("X-Request-Id", ""),
                }
            )
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
        return response

    return middleware


def get_carrier() -> dict[str, str]:
    """Return what a message carries to be part of the present trace: ``traceparent``, or nothing."""
    if _tracer is None:
        return {}
    from opentelemetry.trace import get_current_span

    span = get_current_span()
    if not span.is_recording():
        return {}
    context = span.get_span_context()
    return {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"}


@contextmanager
def message_span(kind: str, carrier: dict[str, Any], **attributes: Any) -> Iterator[Any]:
    """Be in a span of the trace that a message carries; yields a function that takes further attributes."""
    if _tracer is None:
        yield lambda **more: None
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": carrier.get("traceparent", "")})
    options = {"context": context, "kind": SpanKind.CONSUMER, "record_exception": False}
    with _tracer.start_as_current_span(kind, **options) as span:

        def note(**more):
            span.set_attributes({f"holdfast.{name}": value for name, value in more.items() if value is not None})

        note(**attributes)
        yield note


def _trace_statements(connection, **kwargs):
    if _trace_statement not in connection.execute_wrappers:  # it outlives what it connects to
        connection.execute_wrappers.append(_trace_statement)
        connection.trip_wrapper = _trace_trip


def _trace_statement(execute, sql, params, many, context):
    connection = context["connection"]
    is_in_trip = connection.connection is not None and connection.connection.pgconn.pipeline_status
    if is_in_trip or (params and connection.has_company):
        return execute(sql, params, many, context)
    with _trace_trip([sql]):
        return execute(sql, params, many, context)


@contextmanager
def _trace_trip(statements):
    """Be in a span of a round trip to the database with ``statements``, of which each has its line in the text."""
    from opentelemetry.trace import SpanKind, get_current_span

    if _tracer is None or not get_current_span().is_recording():
        yield
        return
    texts = [" ".join(str(statement).split()) for statement in statements]
    attributes: dict[str, Any] = {"db.system.name": "postgresql", "db.query.text": ";\n".join(texts)[:MAX_TEXT]}
    if len(texts) > 1:
        attributes["db.operation.batch.size"] = len(texts)
    name = " ".join(text.partition(" ")[0].upper() for text in texts) or "SQL"
    options = {"kind": SpanKind.CLIENT, "attributes": attributes, "record_exception": False}
    with _tracer.start_as_current_span(name, set_status_on_exception=False, **options):
        yield
