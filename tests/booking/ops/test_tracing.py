"""A trace leads from a request to its mails and webhooks, and has nothing personal."""

import gzip
import json

import pytest
from django.db import connection, transaction
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from booking.integrations.webhooks.endpoints import create_endpoint
from booking.models import OutboxMessage
from booking.ops import tracing
from scheduling.lib.pipelined_postgresql import execute_later
from tests.booking.api.conftest import api, client, make_key, secret_key  # noqa: F401
from tests.outbox import run_what_is_due
from tests.receivers import Receiver, answer

PERSONAL = ["Alice", "Archer", "alice@", "442079460123", "1985"]


@pytest.fixture
def spans(settings):
    """The spans that end from now on."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings.MIDDLEWARE = ["booking.ops.tracing.trace_requests", *settings.MIDDLEWARE]
    tracing.trace_with(provider)
    tracing._trace_statements(connection)  # as if it were opened now
    yield exporter.get_finished_spans
    connection.execute_wrappers.remove(tracing._trace_statement)
    del connection.trip_wrapper
    tracing.trace_with(None)


def hold_and_confirm(caller, consultation, dana, harbour, starts_at):
    ids = {"appointment_type_id": consultation.pk, "clinician_id": dana.pk, "location_id": harbour.pk}
    wish = {name: str(value) for name, value in ids.items()} | {"start_time": starts_at.isoformat()}
    held = caller.post("/holds", wish).json()["data"]
    patient = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12"}
    patient |= {"email": "alice@example.org", "phone": "+442079460123"}
    assert caller.post(f"/holds/{held['id']}/confirm", {"patient": patient}).status_code == 201
    return held["id"]


def test_trace_leads_from_the_request_to_its_mail_and_its_webhook(
    api,  # noqa: F811
    spans,
    listen,
    consultation,
    dana,
    harbour,
    at,
):
    receiver = listen(answer(200))
    create_endpoint(url=receiver.url, events=["appointment.created"])

    hold_and_confirm(api, consultation, dana, harbour, at(9))
    run_what_is_due()

    by_name = {span.name: span for span in spans()}
    request = by_name["POST /api/v1/holds/<hold:id>/confirm"]
    for name in ("webhook.event", "email.appointment_confirmed"):
        message = by_name[name]
        assert message.context.trace_id == request.context.trace_id
        assert message.parent.span_id == request.context.span_id
        assert message.attributes["holdfast.outcome"] == "done"
    assert by_name["webhook.event"].attributes["holdfast.response_status"] == 200
    [(_, _, _, body)] = receiver.requests
    assert json.loads(body).keys() == {"type", "timestamp", "data"}


def test_spans_have_routes_and_statements_without_values(
    api,  # noqa: F811
    spans,
    consultation,
    dana,
    harbour,
    at,
):
    id = hold_and_confirm(api, consultation, dana, harbour, at(9))
    api.get("/patients", query={"q": "Archer"})

    told = [json.dumps([span.name, dict(span.attributes), [str(event) for event in span.events]]) for span in spans()]

    assert any("INSERT INTO" in text for text in told)
    assert [text for text in told for word in (*PERSONAL, id) if word in text] == []
    assert {dict(span.attributes).get("http.route") for span in spans() if span.kind.name == "SERVER"} == {
        "/api/v1/holds",
        "/api/v1/holds/<hold:id>/confirm",
        "/api/v1/patients",
    }


def test_statements_that_travel_together_have_one_span(spans, transactional_db):
    with tracing._tracer.start_as_current_span("a request"), transaction.atomic():
        execute_later("SELECT %s::int", [1])
        execute_later("SELECT %s::text", ["Alice"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::date", ["1985-04-12"])
            cursor.execute("SELECT 1")
        read_later = execute_later("TABLE\n booking_hold LIMIT %s", [1])
        read_later.fetchall()
        execute_later("VALUES (%s::int)", [1])

    *trips, request = [(span.name, span.attributes.get("db.query.text")) for span in spans()]

    assert trips == [
        ("BEGIN SELECT SELECT SELECT", "BEGIN;\nSELECT %s::int;\nSELECT %s::text;\nSELECT %s::date"),
        ("SELECT", "SELECT 1"),
        ("TABLE", "TABLE booking_hold LIMIT %s"),
        ("VALUES COMMIT", "VALUES (%s::int);\nCOMMIT"),
    ]
    assert request == ("a request", None)
    assert [span.attributes.get("db.operation.batch.size") for span in spans()] == [4, None, None, 2, None]


def test_connection_that_was_closed_and_opened_again_has_one_span_for_a_statement(spans, transactional_db):
    connection.close()
    with tracing._tracer.start_as_current_span("a request"):
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    assert [span.name for span in spans()].count("SELECT") == 1


def test_traceparent_of_a_client_is_ignored(api, spans):  # noqa: F811
    api.get("/locations", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

    [request] = [span for span in spans() if span.kind.name == "SERVER"]
    assert request.parent is None


def test_without_a_tracer_messages_carry_nothing(book, at):
    book(at(9))

    assert "traceparent" not in OutboxMessage.objects.first().payload


SEND = """
    from booking.wsgi import application
    from booking.ops import tracing
    from django.test import Client

    tracing.start("web")
    Client().get("/healthz/live?token=hunter2")
    tracing._tracer.span_processor.force_flush()
"""


def test_traces_go_to_the_collector_by_otlp(run_python):
    with Receiver(answer(200)) as collector:
        result = run_python(SEND, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.netloc}", DEBUG="True")

    assert result.returncode == 0, result.stderr
    [(method, path, headers, body)] = collector.requests
    assert (method, path, headers["Content-Type"]) == ("POST", "/v1/traces", "application/x-protobuf")
    body = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
    assert b"holdfast-web" in body
    assert b"GET unknown" in body  # the probes have no route
    assert b"hunter2" not in body
