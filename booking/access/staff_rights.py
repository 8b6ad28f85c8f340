"""Which logins a manager may change, and what they may give: never more than they have."""

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db.models import QuerySet

from booking.access.visibility import visible_to

# What a clinician may do with their own visits, and a manager who has none may give all the same.
OWN = ["note_appointment", "follow_up_appointment", "view_timeoffrequest", "add_timeoffrequest"]


def list_grantable_groups(manager: User | AnonymousUser) -> QuerySet[Group]:
    """Return the groups that have no permission which the manager does not have."""
    groups = Group.objects.order_by("name")
    if manager.is_superuser:
        return groups
    return groups.exclude(permissions__in=_list_missing(manager))


def may_manage(manager: User | AnonymousUser, user: User) -> bool:
    """Return whether a manager may change the login: another one that they see, with no right that they lack."""
    if user.pk == manager.pk or not visible_to(manager, User.objects.filter(pk=user.pk)).exists():
        return False
    if manager.is_superuser:
        return True
    missing = _list_missing(manager)
    has_more = missing.filter(group__user=user.pk).exists() or missing.filter(user=user.pk).exists()
    return not user.is_superuser and not has_more


def _list_missing(manager):
    """Return the permissions that a manager does not have."""
    if not manager.is_active:
        return Permission.objects.all()
    others = Permission.objects.exclude(codename__in=OWN)
    return others.exclude(user=manager.pk).exclude(group__user=manager.pk)
