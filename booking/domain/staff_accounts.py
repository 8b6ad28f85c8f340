"""What is done for staff who cannot sign in."""

from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from booking.access import sign_in_log, staff_sessions
from booking.models import SignInEvent
from booking.models.enums import Job
from booking.outbox.queue import enqueue
from scheduling.lib.clock import database_now

MAX_PER_ADDRESS = 3  # an hour
MAX_PER_NETWORK = 20


@transaction.atomic
def request_password_reset(*, email: str, network: str, site: str) -> None:
    """Have a link mailed to staff with this address, if there are any: a worker looks, so that nobody can tell."""
    account = sign_in_log.get_account_id(email)
    asked = SignInEvent.objects.filter(
        kind=SignInEvent.Kind.RESET_REQUESTED, created_at__gt=database_now() - timedelta(hours=1)
    )
    if asked.filter(account=account).count() >= MAX_PER_ADDRESS:
        return
    if asked.filter(network=network).count() >= MAX_PER_NETWORK:
        return
    sign_in_log.record(SignInEvent.Kind.RESET_REQUESTED, account=account)
    enqueue(Job.EMAIL_RESET_LINK, account=account, site=site)


@transaction.atomic
def remove_second_factors(user: Any) -> int:
    """Remove all second factors of ``user``, who has lost them, end all their sessions, and return how many those were.

    Where a second factor is demanded, the next sign-in leads to the page where one is set up.
    """
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        sign_in_log.record(SignInEvent.Kind.SECOND_FACTOR_CHANGED, user=user, data={"removed": "all"})
    staff_sessions.end_sessions(user)
    return removed
