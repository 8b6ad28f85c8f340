"""Create, change, disable and delete webhook endpoints, and redeliver to them."""

from datetime import datetime, timedelta
from typing import cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.access.signatures import make_secret
from booking.models import OutboxMessage, WebhookEndpoint
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.lib.addresses import LOOKUP_TIMEOUT
from scheduling.lib.safe_http import NotPublic, Unreachable, resolve

DELIVERY = Job.WEBHOOK_EVENT
TEST = "webhook.test"  # event type that tests the connection
OVERLAP = timedelta(days=1)
MAX_OVERLAP = timedelta(days=7)
FAILURE_PERIOD = timedelta(days=5)
BATCH_SIZE = 5000  # deliveries per statement; one statement for all could exceed the statement timeout

IS_DISABLED = "its endpoint is disabled"  # stored as a delivery's last_error

Status = OutboxMessage.Status


class EndpointDisabled(Exception):
    """The endpoint is disabled, so nothing is delivered to it."""

    message = _("Nothing is sent to that endpoint: it is disabled.")


class AlreadyOnItsWay(Exception):
    """A worker is sending the delivery."""

    message = _("That delivery is being sent.")


def create_endpoint(*, url: str, is_checked: bool = False, **fields) -> WebhookEndpoint:
    """Create an endpoint with a new secret and return it. Raises NotPublic or ValidationError.

    Inside a transaction call check_address beforehand and pass ``is_checked``: it looks up the host name.
    """
    endpoint = WebhookEndpoint(url=url, secret=make_secret(), **fields)
    _validate(endpoint, is_address_new=not is_checked)
    endpoint.save(force_insert=True)
    return endpoint


def change_endpoint(endpoint: WebhookEndpoint, *, is_checked: bool = False, **changes) -> None:
    """Change an endpoint's url, description, format or events. Raises NotPublic or ValidationError."""
    for name, value in changes.items():
        setattr(endpoint, name, value)
    _validate(endpoint, is_address_new="url" in changes and not is_checked)
    endpoint.save(update_fields=[*changes, "updated_at"])


def _validate(endpoint, *, is_address_new=True):
    endpoint.events = sorted(set(endpoint.events))
    endpoint.full_clean()
    if is_address_new:
        check_address(endpoint.url)


def check_address(url: str) -> None:
    """Raise NotPublic unless an address is https and its host currently resolves to public addresses."""
    try:
        resolve(url, timeout=LOOKUP_TIMEOUT)
    except Unreachable as error:  # an unknown host name
        raise NotPublic from error


@transaction.atomic
def rotate_secret(endpoint: WebhookEndpoint, *, overlap: timedelta = OVERLAP) -> None:
    """Give an endpoint a new secret; sign deliveries with the old one too for ``overlap``."""
    locked = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    endpoint.secret = make_secret()
    endpoint.old_secret = locked.secret if overlap else ""
    endpoint.old_secret_ends_at = timezone.now() + overlap if overlap else None
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_ends_at", "updated_at"])


def get_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Return the secrets that sign a delivery, newest first."""
    has_old = endpoint.old_secret_ends_at and endpoint.old_secret_ends_at > now
    return [endpoint.secret, *([endpoint.old_secret] if has_old else [])]


def disable(endpoint: WebhookEndpoint, *, because: str = "", **conditions) -> None:
    """Disable an endpoint whose row still matches ``conditions``, and fail its waiting deliveries.

    With ``because``, the reason, staff are told by e-mail.
    """
    if _switch_off(endpoint, because, **conditions):
        # Deliveries in flight or of uncommitted bookings fail at their next attempt, and so do the rest
        # if this process is killed here.
        waiting = endpoint.deliveries.filter(status=Status.WAITING).order_by("due_at")
        for batch in _iterate_batches(waiting):
            batch.update(status=Status.FAILED, last_error=IS_DISABLED)


@transaction.atomic
def _switch_off(endpoint, because="", **conditions):
    """Disable an endpoint; return False if it was disabled already."""
    live = WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at=None, **conditions)
    # Of concurrent failures only the first disables the endpoint and notifies staff.
    now = timezone.now()
    is_ours = live.update(disabled_at=now, disabled_because=because, updated_at=now) == 1
    if is_ours:
        endpoint.disabled_at = now  # the other deliveries of the same task are not sent any more
    if is_ours and because:
        queue.enqueue(Job.EMAIL_ENDPOINT_DISABLED, endpoint=endpoint.pk)
    return is_ours


def _iterate_batches(messages):
    """Yield matching messages in batches; the caller deletes each batch, or changes it until it no longer matches."""
    while ids := list(messages.values_list("pk", flat=True)[:BATCH_SIZE]):
        yield messages.filter(pk__in=ids)


def enable(endpoint: WebhookEndpoint) -> None:
    """Enable an endpoint for events from now on; failed deliveries wait for redelivery."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(disabled_at=None).update(
        disabled_at=None, disabled_because="", failing_since=None, updated_at=timezone.now()
    )


def remove_endpoint(endpoint: WebhookEndpoint) -> None:
    """Delete an endpoint and its deliveries."""
    empty_endpoint(endpoint)
    _delete(endpoint)


def empty_endpoint(endpoint: WebhookEndpoint) -> None:
    """Disable an endpoint before its deletion and delete its deliveries. Call it outside any transaction."""
    # Disable it first, in its own transaction: later bookings skip it and never wait for the deletion.
    _switch_off(endpoint)
    for batch in _iterate_batches(endpoint.deliveries.order_by("created_at")):
        batch.delete()


@transaction.atomic
def _delete(endpoint):
    # Bookings that use the endpoint hold KEY SHARE until they commit: wait for them, then delete their deliveries.
    for locked in WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk):
        locked.delete()


def record_failure(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Record when an endpoint began to fail; disable it after FAILURE_PERIOD."""
    if endpoint.failing_since is None:
        WebhookEndpoint.objects.filter(pk=endpoint.pk, failing_since=None).update(failing_since=at)
        endpoint.failing_since = at  # the next delivery of the same task may succeed, and has to clear it
    elif endpoint.failing_since <= at - FAILURE_PERIOD:
        # Check the current row: another delivery may have succeeded since this one began.
        disable(endpoint, because="For five days every delivery failed.", failing_since__lte=at - FAILURE_PERIOD)


def clear_failures(endpoint: WebhookEndpoint) -> None:
    """Record that an endpoint works again."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=None)
    endpoint.failing_since = None


def record_speed(endpoint: WebhookEndpoint, *, answers_fast: bool) -> None:
    """Record whether an endpoint answers fast: a fast one gets more concurrent deliveries."""
    if endpoint.answers_fast != answers_fast:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(answers_fast=answers_fast)


def send_test(endpoint: WebhookEndpoint) -> OutboxMessage:
    """Enqueue the delivery of a test event and return it. Raises EndpointDisabled."""
    if endpoint.disabled_at:
        raise EndpointDisabled
    now = timezone.now()
    return OutboxMessage.objects.create(
        kind=DELIVERY,
        endpoint=endpoint,
        due_at=now,
        payload={"type": TEST, "timestamp": now.isoformat(), "data": {"endpoint_id": str(endpoint.pk)}},
    )


@transaction.atomic
def redeliver(delivery: OutboxMessage) -> None:
    """Send a delivery again now, even one that succeeded. Raises EndpointDisabled or AlreadyOnItsWay."""
    if cast(WebhookEndpoint, delivery.endpoint).disabled_at:
        raise EndpointDisabled
    idle = OutboxMessage.objects.filter(pk=delivery.pk).exclude(status=Status.RUNNING)
    if not idle.update(**_get_retry_fields()):
        raise AlreadyOnItsWay
    delivery.refresh_from_db(fields=["status", "due_at", "attempts", "done_at"])


def redeliver_failed(endpoint: WebhookEndpoint, *, since: datetime) -> int:
    """Redeliver all deliveries created since then that failed; return their number. Raises EndpointDisabled."""
    if endpoint.disabled_at:
        raise EndpointDisabled
    failed = endpoint.deliveries.filter(status=Status.FAILED, created_at__gte=since)
    return failed.update(**_get_retry_fields())


def _get_retry_fields():
    return {"status": Status.WAITING, "attempts": 0, "due_at": timezone.now(), "done_at": None}
