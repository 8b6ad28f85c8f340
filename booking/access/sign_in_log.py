"""The log of staff's sign-ins and rights, as rows of SignInEvent.

Sign-ins, passwords, second factors and rights change in Django's and allauth's code, so most rows are written by the
signals which those send. Only ``QuerySet.update()`` and SQL send none.
"""

import time
from datetime import timedelta
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.db.models import DateTimeField, Func
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from booking.access.client_identity import get_address, get_network_id
from booking.models import SignInEvent
from scheduling.lib.clock import database_now

User = get_user_model()
Kind = SignInEvent.Kind

RIGHTS = ("is_active", "is_staff", "is_superuser")
IDENTITY = ("username", "email")  # told of as changed, without what they were


def get_account_id(username: str) -> str:
    """Return the pseudonym of an account's name, or of what was typed as one: people type passwords there too."""
    name = username.strip().casefold()
    return salted_hmac("booking.staff_account", name, algorithm="sha256").hexdigest()  # pyright: ignore


def record(
    kind: SignInEvent.Kind,
    *,
    request: HttpRequest | None = None,
    user: Any = None,
    account: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Write one row: what happened to ``user``, and where the present request comes from, if there is one."""
    request, data = request or context.request, data or {}
    actor = getattr(request, "user", None)
    if actor and actor.is_authenticated and (user is None or actor.pk != user.pk):
        data = data | {"by": actor.pk}
    address = request and get_address(request)
    SignInEvent.objects.create(
        kind=kind,
        user=user,
        account=account or (user and get_account_id(user.get_username())) or "",
        network=get_network_id(request) if request else "",
        address=str(address) if address else None,
        data=data,
        created_at=Func(function="clock_timestamp", output_field=DateTimeField()),
    )


def record_once_a_minute(
    kind: SignInEvent.Kind, *, request: HttpRequest, account: str = "", data: dict[str, Any] | None = None
) -> None:
    """Write a row unless there is one of the last minute: what anybody may cause is no flood of rows."""
    since = database_now() - timedelta(minutes=1)
    rows = SignInEvent.objects.filter(account=account, network=get_network_id(request), kind=kind, created_at__gt=since)
    if not rows.exists():
        record(kind, request=request, account=account, data=data)


def forget_old_events() -> None:
    """Delete what is older than a year: the log lets nobody take anything younger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT booking_signinevent_purge()")


@receiver(user_logged_in)
def record_sign_in(sender, request, user, **kwargs):
    """Record a sign-in, and note in the session when it began."""
    request.session.set_expiry(None)  # that of a visitor who has not signed in yet ends sooner
    request.session["signed_in_at"] = request.session["active_at"] = int(time.time())
    methods = sorted({each["method"] for each in get_authentication_records(request, user)})
    record(Kind.SIGNED_IN, request=request, user=user, data={"methods": methods})


@receiver([authenticator_added, authenticator_removed, authenticator_reset])
def record_second_factor(signal, request, user, authenticator, **kwargs):
    """Record that a second factor was added, removed or made anew."""
    change = {authenticator_added: "added", authenticator_removed: "removed"}.get(signal, "made anew")
    record(Kind.SECOND_FACTOR_CHANGED, request=request, user=user, data={change: authenticator.type})


@receiver(social_account_added)
def record_connection(request, sociallogin, **kwargs):
    """Record that an account of the clinic's own sign-in service was connected."""
    record(
        Kind.RIGHTS_CHANGED, request=request, user=sociallogin.user, data={"connected": sociallogin.account.provider}
    )


@receiver(social_account_removed)
def record_disconnection(request, socialaccount, **kwargs):
    """Record that an account of the clinic's own sign-in service was disconnected."""
    record(Kind.RIGHTS_CHANGED, request=request, user=socialaccount.user, data={"disconnected": socialaccount.provider})


@receiver(pre_save, sender=User)
def record_changed_rights(instance, raw, update_fields, **kwargs):
    """Record which rights of an existing user are about to change."""
    fields = [name for name in RIGHTS + IDENTITY if update_fields is None or name in update_fields]
    if raw or not instance.pk or not fields:
        return
    before = User.objects.filter(pk=instance.pk).values(*fields).first() or {}
    changed = {name: getattr(instance, name) for name, value in before.items() if value != getattr(instance, name)}
    if changed:
        record(
            Kind.RIGHTS_CHANGED,
            user=instance,
            data={name: value if name in RIGHTS else "changed" for name, value in changed.items()},
        )


@receiver(post_save, sender=User)
def record_new_user(instance, raw, created, **kwargs):
    """Record a new user and their rights."""
    if created and not raw:
        rights = {name: getattr(instance, name) for name in RIGHTS}
        record(Kind.RIGHTS_CHANGED, user=instance, data={"created": True} | rights)


@receiver(post_delete, sender=User)
def record_deleted_user(instance, **kwargs):
    """Record that a user was deleted."""
    record(Kind.RIGHTS_CHANGED, user=instance, data={"deleted": True})


@receiver(post_delete, sender=Group)
def record_deleted_group(instance, **kwargs):
    """Record that a group was deleted, and with it what its members could do."""
    record(Kind.RIGHTS_CHANGED, data={"group": instance.name, "deleted": True})


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def record_granted_rights(sender, instance, action, reverse, model, pk_set, **kwargs):
    """Record which groups and permissions a user, or a group, was given or lost."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    field = next(field for field in sender._meta.get_fields() if field.related_model is model)
    if pk_set is None:  # cleared: Django does not say of what
        pk_set = set(_list_related(sender, instance, model))
    if pk_set:
        name = {Group: "name", Permission: "codename"}.get(model, "pk")
        names = sorted(model.objects.filter(pk__in=pk_set).values_list(name, flat=True))
        change = "added" if action == "post_add" else "removed"
        data = {f"{field.name}s {change}": names}
        if isinstance(instance, User):
            record(Kind.RIGHTS_CHANGED, user=instance, data=data)
        else:
            record(Kind.RIGHTS_CHANGED, data={"group": instance.name} | data)


def _list_related(through, instance, model):
    fields = {field.related_model: field.name for field in through._meta.get_fields() if field.related_model}
    rows = through.objects.filter(**{fields[type(instance)]: instance.pk})
    return rows.values_list(f"{fields[model]}_id", flat=True)
