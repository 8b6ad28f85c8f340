"""Webhook endpoints and deliveries, managed by a server."""

import socket
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from standardwebhooks import Webhook

from booking.models import IdempotentAnswer, OutboxMessage, WebhookEndpoint
from booking.ops import idempotency
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due
from tests.receivers import answer

NOBODY = "7d1f6cf0-0000-4000-8000-000000000000"


def data(response, status=200):
    assert response.status_code == status, response.json()
    assert response["Cache-Control"] == "no-store"
    return response.json()["data"]


def refused(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code)
    return True


def written(endpoint):
    """How an endpoint is written as its row is now."""
    endpoint.refresh_from_db()

    def moment(value):
        return value and value.isoformat()

    return {
        "id": str(endpoint.pk),
        "url": endpoint.url,
        "description": endpoint.description,
        "format": endpoint.format,
        "events": endpoint.events,
        "old_secret_ends_at": moment(endpoint.old_secret_ends_at),
        "failing_since": moment(endpoint.failing_since),
        "disabled_at": moment(endpoint.disabled_at),
        "disabled_because": endpoint.disabled_because,
        "created_at": moment(endpoint.created_at),
        "updated_at": moment(endpoint.updated_at),
    }


# Endpoints


def test_created_webhook_endpoint_shows_its_secret_once(api):
    response = api.post(
        "/webhook-endpoints",
        {
            "url": "https://8.8.8.8/hooks?token=x",
            "description": "Bob's practice",
            "events": ["hold.placed", "appointment.created", "hold.placed"],
        },
    )
    made = WebhookEndpoint.objects.get()
    assert data(response, 201) == written(made) | {"secret": made.secret}
    assert (made.url, made.events) == ("https://8.8.8.8/hooks?token=x", ["appointment.created", "hold.placed"])
    assert response["Location"] == f"http://testserver/api/v1/webhook-endpoints/{made.pk}"
    assert data(api.get(f"/webhook-endpoints/{made.pk}")) == written(made)
    assert made.secret not in api.get("/webhook-endpoints").text


def test_webhook_endpoint_is_created_from_a_url_alone(api):
    made = data(api.post("/webhook-endpoints", {"url": "https://8.8.8.8/"}), 201)
    assert (made["description"], made["events"], made["format"]) == ("", [], "holdfast")


def test_repeated_creation_makes_one_endpoint_and_stores_no_secret(api):
    first, second = (
        api.post("/webhook-endpoints", {"url": "https://8.8.8.8/"}, idempotency_key="one") for _ in range(2)
    )
    made = WebhookEndpoint.objects.get()
    assert data(first, 201) == data(second, 201) == written(made) | {"secret": made.secret}
    assert second["Idempotent-Replayed"] == "true"
    stored = IdempotentAnswer.objects.get()
    fields = (stored.api_key_holder, stored.route, stored.idempotency_key, bytes(stored.request_hash))
    assert b"whsec" not in idempotency.find_answer(*fields)[1]


def test_refused_webhook_url_is_refused_again_under_the_same_key(api, endpoint):
    refusals = [api.post("/webhook-endpoints", {"url": "https://10.0.0.1/"}, idempotency_key="one") for _ in range(2)]
    assert all(refused(response, 422, "not-public") for response in refusals)
    assert refusals[1]["Idempotent-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method, path", [("POST", "/webhook-endpoints"), ("PATCH", "/webhook-endpoints/{}")])
def test_webhook_url_is_resolved_outside_of_transactions(api, endpoint, monkeypatch, method, path):
    open_ones, ask = [], socket.getaddrinfo

    def getaddrinfo(name, port, *args, **options):
        if name != "www.practice.example":  # Redis', where this process has not connected to it yet
            return ask(name, port, *args, **options)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            )
            open_ones.extend(cursor.fetchone())
        connection.close()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    response = api(method, path.format(endpoint.pk), {"url": "https://www.practice.example/"}, idempotency_key="one")
    assert data(response, 201 if method == "POST" else 200)["url"] == "https://www.practice.example/"
    assert open_ones == [0]


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://0x7f.1/",
        "https://a@8.8.8.8/",
        "https://localhost/",
        "mail",
    ],
)
def test_webhook_url_of_a_private_address_is_422(api, endpoint, url):
    with nothing_changes():
        assert refused(api.post("/webhook-endpoints", {"url": url}), 422, "not-public")
        response = api.patch(f"/webhook-endpoints/{endpoint.pk}", {"url": url, "description": "another"})
        assert refused(response, 422, "not-public")


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"url": None}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"url": 1}, "#/url"),
        ({"url": "a\u202eb"}, "#/url"),
        ({"url": "https://8.8.8.8/\0"}, "#/url"),
        ({"url": "https://8.8.8.8/" + "x" * 500}, "#/url"),
        ({"events": ["hold.dropped"]}, "#/events/0"),
        ({"events": "hold.placed"}, "#/events"),
        ({"events": None}, "#/events"),
        ({"format": "xml"}, "#/format"),
        ({"description": "a\u202eb"}, "#/description"),
        ({"description": "x" * 101}, "#/description"),
        ({"secret": "whsec_mine"}, "#/secret"),
        ({"disabled_at": None}, "#/disabled_at"),
    ],
)
def test_invalid_webhook_endpoint_is_400_naming_the_fields(api, endpoint, change, pointer):
    with nothing_changes():
        for response in (
            api.post("/webhook-endpoints", {"url": "https://8.8.8.8/"} | change),
            api.patch(f"/webhook-endpoints/{endpoint.pk}", change),
        ):
            assert refused(response, 400, "validation")
            assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_webhook_endpoints_are_listed_in_pages(api):
    for number in range(3):
        api.post("/webhook-endpoints", {"url": f"https://8.8.8.8/{number}"})
    first = api.get("/webhook-endpoints", query={"limit": 2})
    second = api.get("/webhook-endpoints", query={"limit": 2, "cursor": first.json()["meta"]["next_cursor"]})
    assert data(first) + data(second) == [written(one) for one in WebhookEndpoint.objects.order_by("created_at")]


def test_webhook_endpoint_patch_changes_only_the_members_sent(api, endpoint):
    before = written(endpoint)
    change = {"events": ["hold.expired"], "description": "Bob"}
    after = data(api.patch(f"/webhook-endpoints/{endpoint.pk}", change))
    assert after == written(endpoint) == before | change | {"updated_at": after["updated_at"]}


def test_webhook_endpoint_is_deleted_with_its_deliveries(api, endpoint, delivery):
    before = written(endpoint)
    assert data(api.delete(f"/webhook-endpoints/{endpoint.pk}")) == before
    assert refused(api.get(f"/webhook-endpoints/{endpoint.pk}"), 404, "not-found")
    assert refused(api.get(f"/deliveries/{delivery.pk}"), 404, "not-found")
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("body, seconds", [(None, 86_400), ({"overlap_seconds": 60}, 60)])
def test_webhook_secret_is_rotated_with_an_overlap(api, receiver, endpoint, delivery, body, seconds):
    old = endpoint.secret
    response = api.post(f"/webhook-endpoints/{endpoint.pk}/rotate-secret", body)
    assert data(response) == written(endpoint) | {"secret": endpoint.secret}
    assert endpoint.secret != old
    assert abs(endpoint.old_secret_ends_at - timezone.now() - timedelta(seconds=seconds)) < timedelta(seconds=30)
    run_what_is_due()
    for secret in (old, endpoint.secret):
        Webhook(secret).verify(receiver.requests[0][3], dict(receiver.requests[0][2]))


def test_webhook_secret_is_rotated_at_once(api, endpoint):
    answered = data(api.post(f"/webhook-endpoints/{endpoint.pk}/rotate-secret", {"overlap_seconds": 0}))
    assert answered["old_secret_ends_at"] is None


@pytest.mark.parametrize("overlap", [-1, 604_801, "60", 1.5, None])
def test_webhook_secret_rotation_with_excessive_overlap_is_400(api, endpoint, overlap):
    with nothing_changes():
        response = api.post(f"/webhook-endpoints/{endpoint.pk}/rotate-secret", {"overlap_seconds": overlap})
        assert refused(response, 400, "validation")


def test_webhook_endpoint_is_disabled_and_enabled(api, endpoint):
    before = written(endpoint)
    disabled = data(api.post(f"/webhook-endpoints/{endpoint.pk}/disable"))
    assert disabled == written(endpoint)
    assert disabled["disabled_at"]
    enabled = data(api.post(f"/webhook-endpoints/{endpoint.pk}/enable"))
    assert enabled == before | {"updated_at": enabled["updated_at"]}


# Deliveries


def test_webhook_test_event_is_delivered_and_readable(api, receiver, endpoint):
    sent = data(api.post(f"/webhook-endpoints/{endpoint.pk}/test"), 202)
    row = OutboxMessage.objects.get()
    as_written = {
        "id": str(row.pk),
        "endpoint_id": str(endpoint.pk),
        "type": "webhook.test",
        "status": "waiting",
        "attempts": 0,
        "response_status": None,
        "last_error": "",
        "next_try_at": row.due_at.isoformat(),
        "delivered_at": None,
        "created_at": row.created_at.isoformat(),
        "event": row.payload,
    }
    assert sent == as_written
    run_what_is_due()
    row.refresh_from_db()
    assert data(api.get(f"/deliveries/{row.pk}")) == as_written | {
        "status": "done",
        "attempts": 1,
        "response_status": 204,
        "next_try_at": None,
        "delivered_at": row.done_at.isoformat(),
    }


def test_failed_delivery_says_why_and_when_it_is_retried(api, listen, endpoint, delivery):
    WebhookEndpoint.objects.update(url=listen(answer(503, Retry_After="90")).url)
    run_what_is_due()
    delivery.refresh_from_db()
    read = data(api.get(f"/deliveries/{delivery.pk}"))
    assert (read["status"], read["response_status"], read["last_error"]) == ("waiting", 503, "HTTP 503")
    assert read["next_try_at"] == delivery.due_at.isoformat()


def test_deliveries_are_listed_newest_first_in_pages_with_filters(api, endpoint, make_delivery):
    now = timezone.now()
    made = [
        make_delivery(endpoint, status=status, created_at=now - timedelta(hours=hours))
        for hours, status in enumerate(["done", "failed", "waiting", "running", "done"])
    ]
    OutboxMessage.objects.filter(pk=made[1].pk).update(payload={**made[1].payload, "type": "hold.expired"})
    base = f"/webhook-endpoints/{endpoint.pk}/deliveries"

    def listed(**query):
        found, cursor = [], {}
        while cursor is not None:
            response = api.get(base, query={"limit": 2, **query, **cursor})
            found += [one["id"] for one in data(response)]
            following = response.json()["meta"]["next_cursor"]
            cursor = {"cursor": following} if following else None
        return found

    ids = [str(one.pk) for one in made]
    assert listed() == ids
    assert listed(status="done") == [ids[0], ids[4]]
    assert listed(status=["failed", "running"]) == [ids[1], ids[3]]
    assert listed(type="hold.expired") == [ids[1]]
    assert listed(type=["hold.placed", "webhook.test"], status="done") == [ids[0], ids[4]]
    with nothing_changes():
        for query in ({"status": "lost"}, {"type": "hold.dropped"}, {"cursor": "x"}, {"since": "2026"}):
            assert refused(api.get(base, query=query), 400, "validation")


def test_delivery_is_redelivered(api, receiver, delivery):
    run_what_is_due()
    again = data(api.post(f"/deliveries/{delivery.pk}/redeliver"), 202)
    assert (again["id"], again["status"], again["attempts"]) == (str(delivery.pk), "waiting", 0)
    run_what_is_due()
    assert {headers["webhook-id"] for _, _, headers, _ in receiver.requests} == {str(delivery.pk)}
    assert len(receiver.requests) == 2


def test_delivery_in_progress_is_not_redelivered(api, endpoint, make_delivery):
    delivery = make_delivery(endpoint, status="running")
    with nothing_changes():
        assert refused(api.post(f"/deliveries/{delivery.pk}/redeliver"), 409, "already-on-its-way")


def test_failed_deliveries_since_a_time_are_redelivered(api, endpoint, make_delivery):
    now = timezone.now()
    for hours in (1, 2, 3):
        make_delivery(endpoint, status="failed", created_at=now - timedelta(hours=hours))
    since = (now - timedelta(hours=2, minutes=30)).isoformat()
    response = api.post(f"/webhook-endpoints/{endpoint.pk}/redeliver", {"since": since})
    assert data(response, 202) == {"deliveries": 2}
    assert OutboxMessage.objects.filter(status="waiting").count() == 2
    for body in ({}, {"since": "yesterday"}, {"since": "2026-03-30T00:00:00"}):
        assert refused(api.post(f"/webhook-endpoints/{endpoint.pk}/redeliver", body), 400, "validation")


def test_disabled_webhook_endpoint_gets_nothing(api, endpoint, delivery):
    api.post(f"/webhook-endpoints/{endpoint.pk}/disable")
    with nothing_changes():
        for path, body in [
            (f"/webhook-endpoints/{endpoint.pk}/test", None),
            (f"/deliveries/{delivery.pk}/redeliver", None),
            (f"/webhook-endpoints/{endpoint.pk}/redeliver", {"since": "2026-03-30T00:00:00Z"}),
        ]:
            assert refused(api.post(path, body), 409, "endpoint-disabled")


def test_outbox_messages_of_other_kinds_are_no_deliveries(api, book, at):
    book(at(9))
    message = OutboxMessage.objects.filter(kind="email.appointment_confirmed").get()
    assert refused(api.get(f"/deliveries/{message.pk}"), 404, "not-found")
    with nothing_changes():
        assert refused(api.post(f"/deliveries/{message.pk}/redeliver"), 404, "not-found")


@pytest.mark.parametrize("path", ["", "/rotate-secret", "/test", "/enable", "/disable", "/deliveries"])
def test_unknown_webhook_endpoint_is_404(api, path):
    method = "GET" if path in ("", "/deliveries") else "POST"
    assert refused(api(method, f"/webhook-endpoints/{NOBODY}{path}"), 404, "not-found")


def test_whole_number_with_a_decimal_point_is_accepted(api, endpoint):
    rotated = api.post(f"/webhook-endpoints/{endpoint.pk}/rotate-secret", body=b'{"overlap_seconds": 0.0}')
    assert data(rotated)["old_secret_ends_at"] is None
