"""Django's page of users, with the way back for somebody who has lost their second factor."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group

from booking.admin.sign_in.middleware import require_recent_proof
from booking.domain.staff_accounts import remove_second_factors
from scheduling.lib.edit_conflicts import EditConflictMixin

User = get_user_model()
# Superusers may undo a connection with the sign-in service; what else allauth has is its own business.
for model in (User, Group, Authenticator, EmailAddress, SocialApp, SocialToken):
    admin.site.unregister(model)


@admin.register(Group)
class RoleAdmin(EditConflictMixin, GroupAdmin):
    pass


@admin.register(User)
class StaffAdmin(EditConflictMixin, UserAdmin):
    actions = ["remove_factors"]

    @admin.action(description="Remove second factors, and end sessions", permissions=["change"])
    def remove_factors(self, request, queryset):
        require_recent_proof(request)
        for user in queryset:
            if user.is_superuser and not request.user.is_superuser:
                messages.error(request, f"{user} can only be helped by a superuser.")
                continue
            removed = remove_second_factors(user)
            self.log_change(request, user, "Second factors removed.")
            messages.success(
                request, f"{user}: {removed} removed. Until one is set up again, the password alone counts."
            )
