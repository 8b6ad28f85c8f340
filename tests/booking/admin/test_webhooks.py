"""Managers configure webhook endpoints, see deliveries and send them again."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from booking.integrations.webhooks.endpoints import create_endpoint, disable
from booking.models import OutboxMessage, WebhookEndpoint
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, run_action, url
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due
from tests.receivers import answer

ENDPOINTS, DELIVERIES = "booking_webhookendpoint", "booking_delivery"
TYPED = {"url": "https://8.8.8.8/hooks", "description": "Bob's practice", "format": "holdfast"}


def find_secrets(response):
    return re.findall(r"whsec_[A-Za-z0-9+/=]+", response.content.decode())


def page(endpoint, verb="change"):
    return url(ENDPOINTS, verb, endpoint.pk)


# Create, change, delete


def test_endpoint_secret_is_shown_only_after_creation(morgan):
    response = morgan.post(url(ENDPOINTS, "add"), TYPED | {"events": ["hold.placed", "hold.expired"]})
    made = WebhookEndpoint.objects.get()
    assert (made.url, made.description, made.events) == (
        "https://8.8.8.8/hooks",
        "Bob's practice",
        ["hold.placed", "hold.expired"],
    )
    assert find_secrets(response) == [made.secret]
    assert "no-store" in response["Cache-Control"]
    for address in (page(made), url(ENDPOINTS), page(made, "history"), page(made, "rotate")):
        assert find_secrets(morgan.get(address)) == []


def test_add_endpoint_form_sent_twice_creates_one_endpoint(morgan):
    form = TYPED | {"new_id": str(uuid4())}
    morgan.post(url(ENDPOINTS, "add"), form)

    response = morgan.post(url(ENDPOINTS, "add"), form)

    assert response["Location"] == page(WebhookEndpoint.objects.get())
    assert list_messages(response)[-1].endswith("has been made already, and what was to be copied is not shown again.")


@pytest.mark.django_db(transaction=True)
def test_add_endpoint_form_sent_concurrently_creates_one_endpoint(morgan, elsewhere):
    form = TYPED | {"new_id": str(uuid4())}

    answers = [elsewhere(morgan.post, url(ENDPOINTS, "add"), form) for _ in range(2)]

    assert sorted(answer.result().status_code for answer in answers) == [200, 302]
    assert WebhookEndpoint.objects.count() == 1


def test_endpoint_without_ticked_events_receives_all(morgan):
    morgan.post(url(ENDPOINTS, "add"), TYPED)
    assert WebhookEndpoint.objects.get().events == []
    assert get_rows(morgan.get(url(ENDPOINTS))) == [
        ["Bob's practice", "https://8.8.8.8/hooks", "everything", "Holdfast", "live", "-"]
    ]


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"url": "http://8.8.8.8/"}, "it must be https on port 443 or 8443, and on the public internet"),
        ({"url": "https://127.0.0.1/"}, "it must be https on port 443 or 8443, and on the public internet"),
        ({"url": "https://localhost:8000/"}, "it must be https on port 443 or 8443, and on the public internet"),
        ({"url": "practice"}, "it must be https on port 443 or 8443, and on the public internet"),
        ({"url": ""}, "This field is required."),
        ({"events": ["hold.dropped"]}, "Select a valid choice."),
        ({"format": "xml"}, "Select a valid choice."),
        ({"description": "a\u202eb"}, "invisible or unreadable"),
    ],
)
def test_add_endpoint_with_invalid_field_shows_error_beside_it(morgan, endpoint, wrong, sentence):
    with nothing_changes():
        for address in (url(ENDPOINTS, "add"), page(endpoint)):
            response = morgan.post(address, TYPED | wrong)
            assert response.status_code == 200
            assert sentence in get_text(response)
            assert find_secrets(response) == []


def test_change_endpoint_keeps_secret(morgan, endpoint):
    before = endpoint.secret
    response = morgan.post(page(endpoint), TYPED | {"events": ["hold.placed"], "secret": "whsec_mine"})
    assert response.status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events, endpoint.secret) == (TYPED["url"], ["hold.placed"], before)


def test_unchanged_endpoint_address_is_not_validated_again(morgan, endpoint, settings):
    settings.PRIVATE_HOSTS = []
    assert morgan.post(page(endpoint), TYPED | {"url": endpoint.url}).status_code == 302


def test_delete_endpoint_deletes_its_deliveries(morgan, endpoint, delivery, make_delivery):
    make_delivery(endpoint)
    asked = get_text(morgan.get(page(endpoint, "delete")))
    assert "deliveries : 2" in asked.lower().replace("deliveries: 2", "deliveries : 2")
    morgan.post(page(endpoint, "delete"), {"post": "yes"})
    assert not WebhookEndpoint.objects.exists()
    assert not OutboxMessage.objects.exists()


# Object tools


@pytest.mark.parametrize("overlap, hours", [("0", None), ("3600", 1), ("86400", 24), ("604800", 168)])
def test_rotate_endpoint_secret_keeps_old_one_for_overlap(morgan, endpoint, overlap, hours):
    old = endpoint.secret
    assert f'<option value="{overlap}"' in morgan.get(page(endpoint, "rotate")).content.decode()
    response = morgan.post(page(endpoint, "rotate"), {"overlap": overlap})
    endpoint.refresh_from_db()
    assert find_secrets(response) == [endpoint.secret] != [old]
    assert "no-store" in response["Cache-Control"]
    if hours is None:
        assert (endpoint.old_secret, endpoint.old_secret_ends_at) == ("", None)
    else:
        assert endpoint.old_secret == old
        wait = endpoint.old_secret_ends_at - timezone.now() - timedelta(hours=hours)
        assert abs(wait) < timedelta(minutes=1)


@pytest.mark.parametrize("overlap", ["", "1", "-3600", "all"])
def test_rotate_endpoint_secret_with_unknown_overlap_shows_form(morgan, endpoint, overlap):
    with nothing_changes():
        response = morgan.post(page(endpoint, "rotate"), {"overlap": overlap})
    assert "The old secret ends" in get_text(response)
    assert find_secrets(response) == []


@pytest.mark.parametrize("how", ["button", "action"])
def test_disable_and_enable_endpoint(morgan, endpoint, how):
    for verb, state in [("disable", "disabled"), ("enable", "live")]:
        if how == "button":
            morgan.post(page(endpoint, verb))
        else:
            run_action(morgan, ENDPOINTS, verb, endpoint)
        assert [row[4] for row in get_rows(morgan.get(url(ENDPOINTS)))] == [state]
    assert not OutboxMessage.objects.exists()  # no e-mail about one's own action


def test_endpoint_page_shows_applicable_buttons(morgan, endpoint):
    assert "Send test event" in get_text(morgan.get(page(endpoint)))
    disable(endpoint, because="It answered 410: it wants no more.")
    text = get_text(morgan.get(page(endpoint)))
    assert "It answered 410: it wants no more." in text
    assert "Enable" in text
    assert "Send test event" not in text


def test_send_test_event_redirects_to_its_delivery(morgan, receiver, endpoint):
    response = morgan.post(page(endpoint, "test"))
    sent = OutboxMessage.objects.get()
    assert response["Location"] == url(DELIVERIES, "change", sent.pk)
    run_what_is_due()
    assert len(receiver.requests) == 1
    text = get_text(morgan.get(response["Location"]))
    assert "Done" in text or "done" in text
    assert "204" in text
    assert str(endpoint.pk) in text


def test_send_test_event_to_disabled_endpoint_is_refused(morgan, endpoint):
    disable(endpoint)
    with nothing_changes():
        response = morgan.post(page(endpoint, "test"))
    assert list_messages(response) == ["Nothing was sent: Bob's practice is disabled. Enable it first."]


def test_endpoint_and_delivery_buttons_with_get_do_nothing(morgan, endpoint, delivery):
    with nothing_changes():
        for verb in ("test", "enable", "disable"):
            assert morgan.get(page(endpoint, verb)).status_code == 405
        assert morgan.get(url(DELIVERIES, "redeliver", delivery.pk)).status_code == 405


def test_endpoint_list_marks_failing_endpoints(morgan, receiver):
    for name, fields in {
        "live": {},
        "failing": {"failing_since": timezone.now()},
        "disabled": {"failing_since": timezone.now(), "disabled_at": timezone.now()},
    }.items():
        made = create_endpoint(url=receiver.url, description=name)
        WebhookEndpoint.objects.filter(pk=made.pk).update(**fields)
    for state in ("live", "failing", "disabled"):
        assert [(row[0], row[4]) for row in get_rows(morgan.get(url(ENDPOINTS), {"state": state}))] == [(state, state)]


# Deliveries


def test_delivery_list_shows_attempts_and_answers(morgan, listen, endpoint, delivery, make_delivery):
    create_endpoint(url=endpoint.url, description="another")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url=listen(answer(500)).url)
    make_delivery(WebhookEndpoint.objects.get(description="another"))
    run_what_is_due()
    assert f"{url(DELIVERIES)}?endpoint__id__exact={endpoint.pk}" in morgan.get(page(endpoint)).content.decode()
    [row] = get_rows(morgan.get(url(DELIVERIES), {"endpoint__id__exact": str(endpoint.pk)}))
    assert row[:5] == ["hold.placed", "Bob's practice", "Waiting", "1", "HTTP 500"]
    assert [row[2] for row in get_rows(morgan.get(url(DELIVERIES), {"status": "done"}))] == ["Done"]
    [found] = get_rows(morgan.get(url(DELIVERIES), {"q": delivery.payload["data"]["id"], "status": "waiting"}))
    assert found == row


def test_delivery_list_excludes_other_outbox_messages(morgan, book, at):
    book(at(9))
    assert OutboxMessage.objects.exists()
    assert get_rows(morgan.get(url(DELIVERIES))) == []
    assert morgan.get(url(DELIVERIES, "change", OutboxMessage.objects.first().pk)).status_code == 302


@pytest.mark.parametrize("how", ["button", "action"])
def test_redeliver_sends_delivery_again(morgan, receiver, delivery, how):
    run_what_is_due()
    if how == "button":
        assert "Send again" in get_text(morgan.get(url(DELIVERIES, "change", delivery.pk)))
        morgan.post(url(DELIVERIES, "redeliver", delivery.pk))
    else:
        run_action(morgan, DELIVERIES, "redeliver", delivery)
    run_what_is_due()
    assert [headers["webhook-id"] for _, _, headers, _ in receiver.requests] == [str(delivery.pk)] * 2


def test_redeliver_reports_deliveries_that_cannot_be_sent(morgan, receiver, endpoint, make_delivery):
    other = create_endpoint(url=receiver.url, description="another")
    failed = [make_delivery(endpoint, status="failed") for _ in range(3)]
    running, fine = make_delivery(other, status="running"), make_delivery(other, status="failed")
    disable(endpoint)
    response = run_action(morgan, DELIVERIES, "redeliver", *failed, running, fine)
    assert sorted(list_messages(response)) == [
        "Nothing was sent: Bob's practice is disabled. Enable it first.",
        "On their way again: 1.",
        f"hold.placed {running.pk} is being sent right now.",
    ]


def test_delivery_is_read_only(morgan, delivery):
    with nothing_changes():
        assert morgan.get(url(DELIVERIES, "add")).status_code == 403
        assert morgan.post(url(DELIVERIES, "change", delivery.pk), {"status": "done"}).status_code == 403
        assert morgan.post(url(DELIVERIES, "delete", delivery.pk), {"post": "yes"}).status_code == 403


def test_delivery_list_query_count_is_constant(morgan, endpoint, make_delivery):
    make_delivery(endpoint)
    few = count_queries(morgan, url(DELIVERIES))
    for _ in range(30):
        make_delivery(endpoint)
    assert count_queries(morgan, url(DELIVERIES)) == few


# Permissions


@pytest.mark.parametrize("group", ["reception", "clinician"])
def test_endpoints_and_deliveries_are_for_managers_only(staff, endpoint, delivery, group):
    erin = staff("erin", group)
    with nothing_changes():
        assert "webhookendpoint" not in erin.get("/admin/").content.decode()
        for address in (
            url(ENDPOINTS),
            url(ENDPOINTS, "add"),
            page(endpoint),
            page(endpoint, "rotate"),
            url(DELIVERIES),
            url(DELIVERIES, "change", delivery.pk),
        ):
            assert erin.get(address).status_code == 403, address
        for address in (
            url(ENDPOINTS, "add"),
            page(endpoint),
            url(DELIVERIES, "redeliver", delivery.pk),
            *(page(endpoint, verb) for verb in ("rotate", "test", "enable", "disable", "delete")),
        ):
            assert erin.post(address, TYPED | {"overlap": "0", "post": "yes"}).status_code == 403, address


def test_unknown_endpoint_is_404(morgan):
    nobody = "7d1f6cf0-0000-4000-8000-000000000000"
    for verb in ("rotate", "test", "enable", "disable"):
        assert morgan.post(url(ENDPOINTS, verb, nobody)).status_code == 404
    assert morgan.post(url(DELIVERIES, "redeliver", nobody)).status_code == 404
