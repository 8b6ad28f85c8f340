"""What Celery runs: thin wrappers around the verbs and the messages. settings.py has the schedule."""

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from booking.access import access_tokens, email_addresses, phone_numbers, proof_of_work, sign_in_log, staff_sessions
from booking.domain import (
    contact_codes,
    expiry,
    location_activity,
    patient_access,
    patient_drafts,
    reminders,
    retention,
    stranded_offers,
    stranded_plans,
    stranded_visits,
    text_messages,
    waitlist_offers,
)
from booking.domain.imports.files import forget_old_files
from booking.domain.imports.running import advance_imports as advance
from booking.ops import idempotency
from booking.outbox import heartbeats, queue, relay
from patients import merging, refolding
from scheduling.calendars import syncing

logger = logging.getLogger(__name__)

RELAY_SECONDS = 0.9  # beat starts the next one after a second
IMPORT_SECONDS = 1.5  # beat starts the next ones after two seconds
MAX_ROLLOUT = timedelta(days=1)  # how long the release before may go on beside this one
PUBLISH_TIMEOUT = 5.0  # seconds that RabbitMQ has to confirm a task; Redis has those of the settings


@shared_task
def enqueue_reminders():
    """Hand the reminders that are due to the outbox."""
    reminders.enqueue_due_reminders()


@shared_task
def advance_imports():
    """Check or import the next rows of the tables that staff have brought along."""
    advance(seconds=IMPORT_SECONDS)


@shared_task
def forget_import_files():
    """Delete the files of imports a day later."""
    forget_old_files()


@shared_task
def expire_stale_holds():
    """Mark the holds that have run out and announce it, and release those that nobody needs any more.

    They stopped counting by themselves.
    """
    expiry.expire_stale_holds()
    stranded_offers.release_moot_offers()


@shared_task
def forget_old_drafts():
    """Delete what visitors typed an hour ago and did not book with."""
    patient_drafts.forget_old_drafts()


@shared_task
def offer_freed_times():
    """Hold what was freed for the first who waits for it, and mail them."""
    waitlist_offers.offer_freed_times()


@shared_task
def forget_old_wishes():
    """Delete the wishes of waiting lists that ended a day ago, or that nobody confirmed."""
    retention.forget_old_wishes()


@shared_task
def forget_old_merges():
    """Delete what merges of a day ago have moved: they cannot be undone any more."""
    merging.forget_old_merges()


@shared_task
def cancel_unanswered():
    """Cancel the appointments that nobody has acknowledged in time."""
    expiry.cancel_unanswered()


@shared_task
def count_activity():
    """Count what is usual at each location."""
    location_activity.count_activity()


@shared_task
def relay_outbox():
    """Hand over what is due in the outbox to run_messages."""
    try:
        relay.relay_due(_publish, timeout=RELAY_SECONDS)
    except OperationalError as error:  # what is due stays due
        logger.warning("the outbox waits for the broker: %s", error)


def _publish(batch):
    run_messages.apply_async(
        ([str(id) for id in batch.ids], batch.claimed_until.isoformat()),
        queue=relay.get_celery_queue(batch),
        expires=queue.CLAIM.total_seconds(),
        retry=False,
        confirm_timeout=PUBLISH_TIMEOUT,
    )


@shared_task
def run_messages(ids, claimed_until):
    """Send the e-mail, deliver the webhooks, ask the approver or write into the calendar that messages are about."""
    relay.run(ids, datetime.fromisoformat(claimed_until))


@shared_task
def sync_due_calendars():
    """Read the clinicians' own calendars that are due."""
    syncing.sync_due_calendars()


@shared_task
def mark_on_holidays():
    """Mark the visits on days that a calendar of holidays has closed since."""
    stranded_visits.mark_on_holidays()


@shared_task
def forget_old_answers():
    """Delete the stored answers of idempotent requests after a day."""
    idempotency.forget_old_answers()


@shared_task
def forget_expired_tokens():
    """Delete tokens, solved challenges and codes that have expired, and addresses whose mails no longer count."""
    access_tokens.forget_expired_tokens()
    proof_of_work.forget_solved_challenges()
    email_addresses.forget_unconfirmed_addresses()
    phone_numbers.forget_unconfirmed_numbers()
    contact_codes.forget_codes()


@shared_task
def forget_old_sign_ins():
    """Delete what is older than a year in the log of sign-ins, and the sessions that have ended."""
    sign_in_log.forget_old_events()
    staff_sessions.forget_ended_sessions()


@shared_task
def refold_names():
    """Fold the names that a release with other rules has written beside this one, as it does while it is replaced."""
    refolding.refold_names(since=timezone.now() - MAX_ROLLOUT)


@shared_task
def forget_old_accesses():
    """Delete the record of who has seen which patients when it is a year old."""
    patient_access.forget_old_accesses()


@shared_task
def forget_origins():
    """Forget from where the holds that ended two days ago were placed."""
    retention.forget_origins()


@shared_task
def forget_lapsed_requests():
    """Forget who asked for what nobody confirmed in time a day ago, or what looked made up."""
    retention.forget_lapsed_requests()


@shared_task
def forget_old_messages():
    """Delete the messages that were done or delivered a month ago, plans as old, and what is known of older texts."""
    stranded_plans.forget_old_plans()
    queue.forget_old_messages()
    text_messages.forget_old_texts()


@shared_task(bind=True)
def beat(self):
    """Leave a sign that beat, broker, database and the workers of the queue it came through work together."""
    heartbeats.record((self.request.delivery_info or {}).get("routing_key"))
