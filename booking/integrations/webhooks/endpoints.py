"""Create, change, disable and delete webhook endpoints, and redeliver to them."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.access.signatures import make_secret
from booking.models import OutboxMessage, WebhookEndpoint
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.lib.addresses import LOOKUP_TIMEOUT
from scheduling.lib.safe_http import NotPublic, Unreachable, resolve

DELIVERY = Job.WEBHOOK_EVENT  # the kind of message that a delivery is
TEST = "webhook.test"  # the type of an event that only tests the connection
OVERLAP = timedelta(days=1)
MAX_OVERLAP = timedelta(days=7)
FAILURE_PERIOD = timedelta(days=5)
BATCH_SIZE = 5000  # deliveries per statement: all at once would exceed the statement timeout

IS_DISABLED = "its endpoint is disabled"  # why a delivery has failed

Status = OutboxMessage.Status


class EndpointDisabled(Exception):
    """The endpoint is disabled, so nothing is delivered to it."""

    message = _("Nothing is sent to that endpoint: it is disabled.")


class AlreadyOnItsWay(Exception):
    """A worker is sending the delivery."""

    message = _("That delivery is being sent.")


def create_endpoint(*, url, is_checked=False, **fields):
    """Write an endpoint with a secret of its own and return it; raises NotPublic or ValidationError.

    ``is_checked`` says that check_address has been asked for the url: not to be done in a transaction.
    """
    endpoint = WebhookEndpoint(url=url, secret=make_secret(), **fields)
    _check(endpoint, is_address_new=not is_checked)
    endpoint.save(force_insert=True)
    return endpoint


def change_endpoint(endpoint, *, is_checked=False, **changes):
    """Change an endpoint's url, description, format or events. Raises NotPublic or ValidationError."""
    for name, value in changes.items():
        setattr(endpoint, name, value)
    _check(endpoint, is_address_new="url" in changes and not is_checked)
    endpoint.save(update_fields=[*changes, "updated_at"])


def _check(endpoint, *, is_address_new=True):
    endpoint.events = sorted(set(endpoint.events))
    endpoint.full_clean()
    if is_address_new:
        check_address(endpoint.url)


def check_address(url):
    """Raise NotPublic unless an address is https and leads to the public internet now."""
    try:
        resolve(url, timeout=LOOKUP_TIMEOUT)
    except Unreachable as error:  # an unknown host name
        raise NotPublic from error


@transaction.atomic
def rotate_secret(endpoint, *, overlap=OVERLAP):
    """Give an endpoint a new secret. For ``overlap``, a timedelta, deliveries are also signed with the old one."""
    locked = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    endpoint.secret = make_secret()
    endpoint.old_secret = locked.secret if overlap else ""
    endpoint.old_secret_ends_at = timezone.now() + overlap if overlap else None
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_ends_at", "updated_at"])


def get_secrets(endpoint, *, now):
    """Return the secrets that sign a delivery, newest first."""
    has_old = endpoint.old_secret_ends_at and endpoint.old_secret_ends_at > now
    return [endpoint.secret, *([endpoint.old_secret] if has_old else [])]


def disable(endpoint, *, because="", **if_still):
    """Send nothing to an endpoint from now on, if its row is ``if_still`` so; what waits for it has failed.

    ``because`` is our reason, which staff are told of by e-mail.
    """
    if _switch_off(endpoint, because, **if_still):
        # Deliveries in flight, or of bookings that are not committed yet, fail at their next attempt.
        # So do the others if this process is killed on the way.
        waiting = endpoint.deliveries.filter(status=Status.WAITING).order_by("due_at")
        for some in _portions(waiting):
            some.update(status=Status.FAILED, last_error=IS_DISABLED)


@transaction.atomic
def _switch_off(endpoint, because="", **if_still):
    """Disable an endpoint, and return False if it was disabled already."""
    live = WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at=None, **if_still)
    # Of several deliveries that fail at once only the first disables it and tells staff.
    now = timezone.now()
    is_ours = live.update(disabled_at=now, disabled_because=because, updated_at=now) == 1
    if is_ours and because:
        queue.enqueue(Job.EMAIL_ENDPOINT_DISABLED, endpoint=endpoint.pk)
    return is_ours


def _portions(messages):
    """Yield matching messages in batches; the caller must change or delete each batch, so that it matches no more."""
    while ids := list(messages.values_list("pk", flat=True)[:BATCH_SIZE]):
        yield messages.filter(pk__in=ids)


def enable(endpoint):
    """Enable an endpoint for events from now on; failed deliveries wait for redelivery."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(disabled_at=None).update(
        disabled_at=None, disabled_because="", failing_since=None, updated_at=timezone.now()
    )


def remove_endpoint(endpoint):
    """Delete an endpoint and its deliveries."""
    empty_endpoint(endpoint)
    _delete(endpoint)


def empty_endpoint(endpoint):
    """Disable an endpoint that is to be deleted, and delete its deliveries. Call it outside any transaction."""
    # Disable it first, in a transaction of its own: later bookings do not pick it, and never wait for the deletion.
    _switch_off(endpoint)
    for some in _portions(endpoint.deliveries.order_by("created_at")):
        some.delete()


@transaction.atomic
def _delete(endpoint):
    # Bookings that picked it hold KEY SHARE until they commit: their deliveries can be deleted after that.
    for locked in WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk):
        locked.delete()


def note_failure(endpoint, *, at):
    """Record since when an endpoint has only failed, and disable it after five days."""
    if endpoint.failing_since is None:
        WebhookEndpoint.objects.filter(pk=endpoint.pk, failing_since=None).update(failing_since=at)
    elif endpoint.failing_since <= at - FAILURE_PERIOD:
        # Check the current row: another delivery may have succeeded since this one began.
        disable(endpoint, because="For five days every delivery failed.", failing_since__lte=at - FAILURE_PERIOD)


def note_success(endpoint):
    """Clear the record of failures."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=None)


def note_speed(endpoint: WebhookEndpoint, *, answers_fast: bool) -> None:
    """Record whether an endpoint answers fast: a fast one gets more deliveries at once."""
    if endpoint.answers_fast != answers_fast:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(answers_fast=answers_fast)


def send_test(endpoint):
    """Enqueue the delivery of a test event and return it, or raise EndpointDisabled."""
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
def redeliver(delivery):
    """Send a delivery again now, even one that succeeded. Raises EndpointDisabled or AlreadyOnItsWay."""
    if delivery.endpoint.disabled_at:
        raise EndpointDisabled
    idle = OutboxMessage.objects.filter(pk=delivery.pk).exclude(status=Status.RUNNING)
    if not idle.update(**_afresh()):
        raise AlreadyOnItsWay
    delivery.refresh_from_db(fields=["status", "due_at", "attempts", "done_at"])


def redeliver_failed(endpoint, *, since):
    """Send again now all failed deliveries recorded from ``since`` on; return their number. Raises EndpointDisabled."""
    if endpoint.disabled_at:
        raise EndpointDisabled
    failed = endpoint.deliveries.filter(status=Status.FAILED, created_at__gte=since)
    return failed.update(**_afresh())


def _afresh():
    return {"status": Status.WAITING, "attempts": 0, "due_at": timezone.now(), "done_at": None}
