"""The links with which new staff begin: random tokens that work once, of which only the SHA-256 is stored."""

from datetime import timedelta

from django.contrib.auth.models import User

from booking.access.tokens import hash_token, new_token
from booking.models import StaffInvitation
from scheduling.lib.clock import database_now

LIFETIME = timedelta(days=7)


def make_token(user: User) -> str | None:
    """Return a new token for somebody who is invited, or None if they are not; the one before works no longer."""
    token, now = new_token(), database_now()
    rows = StaffInvitation.objects.filter(user=user)
    is_made = rows.update(token_hash=hash_token(token), invited_at=now, expires_at=now + LIFETIME)
    return token if is_made else None


def find_invited(token: str) -> User | None:
    """Return whom a token that still works has invited, or None."""
    rows = StaffInvitation.objects.filter(token_hash=hash_token(token), expires_at__gt=database_now())
    invitation = rows.filter(user__is_active=True, user__is_staff=True).select_related("user").first()
    return invitation and invitation.user
