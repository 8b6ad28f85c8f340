"""How long staff stay signed in, and the second factor that some of them need."""

import time
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from booking.access import sign_in_log

ACTIVITY_PRECISION = 60  # seconds; so that not every page writes the session


def sign_out(request: HttpRequest, reason: str) -> None:
    """End the session, and record why."""
    sign_in_log.record(sign_in_log.Kind.SIGNED_OUT, request=request, user=request.user, data={"reason": reason})
    logout(request)


def get_end_reason(session: Any) -> str | None:
    """Return why the session has ended by now, or None while it goes on."""
    now = time.time()
    if now - session.get("signed_in_at", 0) > settings.SESSION_COOKIE_AGE:
        return "too long"
    if now - session.get("active_at", 0) > settings.SESSION_IDLE_SECONDS:
        return "idle"
    return None


def note_activity(session: Any) -> None:
    """Note in the session that somebody is there."""
    now = int(time.time())
    if now - session["active_at"] >= ACTIVITY_PRECISION:
        session["active_at"] = now


def is_recent(session: Any) -> bool:
    """Return whether the session began so shortly ago that no second proof is needed of who is there."""
    return time.time() - session.get("signed_in_at", 0) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def lacks_second_factor(request: Any) -> bool:
    """Return whether the user's groups demand a second factor and this session was begun without."""
    user, demanding = request.user, settings.SECOND_FACTOR_GROUPS
    if (
        not demanding
        or request.session.get("enrolled")
        or any(_is_second_factor(each) for each in get_authentication_records(request, user))
    ):
        return False
    if user.is_superuser and "superusers" in demanding:
        return True
    return user.groups.filter(name__in=demanding).exists()


def _is_second_factor(record):
    return record["method"] == "mfa" or (record["method"] == "socialaccount" and settings.OIDC_HAS_SECOND_FACTOR)


@receiver(authenticator_added)
def trust_enrolment(request: HttpRequest, user: Any, authenticator: Any, **kwargs: Any) -> None:
    """Count the session that sets up a second factor as begun with it, and end all others of the user."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        request.session["enrolled"] = True
        end_sessions(user, keep=request.session.session_key)


def end_sessions(user: Any, keep: str | None = None) -> int:
    """End all sessions of ``user``, except that with the key ``keep``, and return how many those were."""
    # Only staff have sessions, so there are few.
    ended = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).exclude(pk=keep)
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(pk__in=ended).delete()
    return len(ended)


def forget_ended_sessions() -> None:
    """Delete the sessions that have ended."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
