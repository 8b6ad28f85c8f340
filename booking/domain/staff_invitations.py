"""Staff and what they may do: invited, changed, deactivated by a manager. Who may do it is for the caller to ask."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group, User
from django.db import transaction

from booking.access import sign_in_log, staff_sessions
from booking.access.staff_invitations import LIFETIME
from booking.access.tokens import hash_token
from booking.models import SignInEvent, StaffInvitation, StaffMember
from booking.models.enums import Job
from booking.outbox.queue import enqueue
from scheduling.lib.clock import database_now
from scheduling.models import Clinician, Location


@dataclass(frozen=True)
class StaffAccess:
    """What somebody may do, where, and as which clinician, if they are one."""

    groups: Collection[Group]
    has_all_locations: bool
    locations: Collection[Location]
    clinician: Clinician | None = None


@transaction.atomic
def invite(*, email: str, first_name: str, last_name: str, access: StaffAccess, site: str) -> User:
    """Make a login whose name is its e-mail address, have a link mailed to it, and return it."""
    user = User(username=email, email=email, first_name=first_name, last_name=last_name, is_staff=True)
    user.set_unusable_password()
    user.save()
    give_access(user, access)
    send_invitation(user, site=site)
    return user


@transaction.atomic
def send_invitation(user: User, *, site: str) -> None:
    """Have a link mailed to somebody who has not begun yet. It is made as it is sent: until then nobody has one."""
    now = database_now()
    defaults = {"token_hash": hash_token(str(uuid4())), "invited_at": now, "expires_at": now + LIFETIME}
    StaffInvitation.objects.update_or_create(user=user, defaults=defaults)
    sign_in_log.record(SignInEvent.Kind.RIGHTS_CHANGED, user=user, data={"invited": True})
    enqueue(Job.EMAIL_STAFF_INVITATION, user=user.pk, site=site)


@transaction.atomic
def accept_invitation(user: User, *, password: str) -> bool:
    """Give the login its password, and return whether its invitation was still open."""
    used, _ = StaffInvitation.objects.filter(user=user, expires_at__gt=database_now()).delete()
    if not used:
        return False
    user.set_password(password)
    user.save()
    return True


@transaction.atomic
def give_access(user: User, access: StaffAccess) -> None:
    """Let the login do this, and nothing else."""
    user.groups.set(access.groups)
    member, is_new = StaffMember.objects.get_or_create(user=user)
    before = _describe(member) if not is_new else {}
    member.has_all_locations = access.has_all_locations
    member.save()
    member.locations.set([] if access.has_all_locations else access.locations)
    after = _describe(member)
    if before != after:
        sign_in_log.record(SignInEvent.Kind.RIGHTS_CHANGED, user=user, data=after)
    Clinician.objects.filter(user=user).exclude(pk=access.clinician and access.clinician.pk).update(user=None)
    if access.clinician:
        Clinician.objects.filter(pk=access.clinician.pk).update(user=user)


@transaction.atomic
def deactivate(user: User) -> int:
    """Let somebody in no longer, end their sessions, and return how many those were."""
    StaffInvitation.objects.filter(user=user).delete()
    user.is_active = False
    user.save(update_fields=["is_active"])
    return staff_sessions.end_sessions(user)


@transaction.atomic
def reactivate(user: User, *, site: str) -> None:
    """Let somebody in again; who never had a password is invited again."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    if not user.has_usable_password():
        send_invitation(user, site=site)


def _describe(member: StaffMember) -> dict[str, Any]:
    if member.has_all_locations:
        return {"locations": "all"}
    return {"locations": sorted(member.locations.values_list("name", flat=True))}
