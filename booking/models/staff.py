"""What the clinic knows of its staff beyond their logins: where they work, and who was invited."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from scheduling.models import Location


class StaffAccount(User):
    """A login, as managers see it: who somebody is, what they may do, and where."""

    class Meta:
        proxy = True
        ordering = ["first_name", "last_name", "username"]
        default_permissions = ("view", "add", "change")
        verbose_name = "colleague"
        verbose_name_plural = "staff"


class StaffMember(models.Model):
    """Where somebody works. A login without a row works at all locations."""

    user_id: int
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="staff_member"
    )
    # Apart from the list: whose only location is deleted sees nothing, not everything.
    has_all_locations = models.BooleanField("all locations", default=True)
    locations = models.ManyToManyField(Location, blank=True, related_name="+")
    # The location they chose last, which pages of one location begin with.
    my_location_id: UUID | None
    my_location = models.ForeignKey(
        Location, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        default_permissions = ()
        verbose_name = "member of staff"
        verbose_name_plural = "members of staff"

    def __str__(self):
        return str(self.user)


class StaffInvitation(models.Model):
    """A link that was mailed to somebody whose login has no password yet. It works once; only its SHA-256 is stored."""

    user_id: int
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="invitation"
    )
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self):
        return f"of {self.user}"
