"""Staff's logins, for managers: who is invited, what each may do and where. Superusers have Django's own page too."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from booking.access.staff_rights import list_grantable_groups, may_manage
from booking.access.visibility import get_staff_member, has_all_locations, visible_to
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.sign_in.middleware import require_recent_proof
from booking.domain import staff_invitations
from booking.domain.staff_accounts import remove_second_factors
from booking.domain.staff_invitations import StaffAccess
from booking.models import StaffAccount
from patients.fields import EmailField
from scheduling.lib.clock import database_now
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.models import Clinician, Location

TAKEN = "Somebody has a login with that address already."
WHERE = "Say where they work: at every location, or at some."


class StaffAccountForm(forms.ModelForm):
    """A login. What can be given are the rights and the locations that its manager has."""

    email = EmailField().formfield(label="E-mail", required=True, help_text="They log in with it; the link goes there.")
    groups = forms.ModelMultipleChoiceField(
        Group.objects.none(), label="Role", required=False, widget=forms.CheckboxSelectMultiple
    )
    has_all_locations = forms.BooleanField(
        label="All locations", required=False, initial=True, help_text="Also those that are yet to come."
    )
    locations = forms.ModelMultipleChoiceField(
        Location.objects.none(), label="Or only these", required=False, widget=forms.CheckboxSelectMultiple
    )
    clinician = forms.ModelChoiceField(
        Clinician.objects.none(),
        required=False,
        empty_label="Not a clinician",
        help_text="Whose visits they see as their own.",
    )

    class Meta:
        model = StaffAccount
        fields = ["first_name", "last_name", "email"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["email"].widget.attrs["class"] = "vTextField"
        manager, user = self.manager, self.instance
        self.fields["groups"].queryset = list_grantable_groups(manager)
        self.fields["locations"].queryset = visible_to(manager, Location.objects.all())
        free = Clinician.objects.filter(Q(user=None, is_active=True) | Q(user=user.pk, user__isnull=False))
        self.fields["clinician"].queryset = visible_to(manager, free)
        if not has_all_locations(manager):
            del self.fields["has_all_locations"]
            self.fields["locations"].label = "Locations"
        if user.pk:
            member = get_staff_member(user)
            self.initial |= {
                "groups": user.groups.all(),
                "has_all_locations": member is None or member.has_all_locations,
                "locations": member.locations.all() if member else [],
                "clinician": Clinician.objects.filter(user=user).values_list("pk", flat=True).first(),
            }
            self.fields["email"].help_text = ""
            if has_begun(user) and not manager.is_superuser:
                # Where a new password can be sent: whoever changes it could take the login over.
                self.fields["email"].disabled = True
                self.fields["email"].help_text = "Only a superuser changes the address of who has logged in."

    def clean_email(self):
        email = self.cleaned_data["email"]
        others = User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email)).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(TAKEN, code="taken")
        return email

    def clean(self):
        fields = super().clean()
        if not fields.get("has_all_locations") and not fields.get("locations") and "locations" not in self.errors:
            self.add_error("locations", WHERE)
        return fields

    @property
    def access(self):
        """What the form gives, once it is valid."""
        fields = self.cleaned_data
        is_everywhere = fields.get("has_all_locations", False)
        return StaffAccess(fields["groups"], is_everywhere, fields["locations"], fields["clinician"])


class StateFilter(admin.SimpleListFilter):
    title = parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("invited", "Invited"), ("off", "Deactivated"), ("all", "All")]

    def choices(self, changelist):
        for value, label in [(None, "Active"), *self.lookup_choices]:
            query = changelist.get_query_string({self.parameter_name: value} if value else {}, [self.parameter_name])
            yield {"selected": self.value() == value, "query_string": query, "display": label}

    def queryset(self, request, queryset):
        conditions = {"invited": Q(invitation__isnull=False), "off": Q(is_active=False), "all": Q()}
        return queryset.filter(conditions.get(self.value() or "", Q(is_active=True)))


@admin.register(StaffAccount)
class StaffAccountAdmin(EditConflictMixin, ObjectToolsMixin, admin.ModelAdmin):
    form = StaffAccountForm
    list_display = ["name", "email", "role", "where", "clinician_name", "state", "last_login"]
    list_filter = [StateFilter, "groups"]
    search_fields = ["first_name", "last_name", "username", "email"]
    change_form_template = "admin/booking/staffaccount/change_form.html"
    object_tools = ["resend", "deactivate", "reactivate", "remove_factors"]
    object_key = "int"
    fieldsets = [
        (None, {"fields": ["first_name", "last_name", "email"]}),
        ("What they may do", {"fields": ["groups", "clinician"]}),
        ("Where they work", {"fields": ["has_all_locations", "locations"]}),
    ]

    # Permissions: nobody is given more than their manager has, and nobody changes themselves.

    def get_queryset(self, request):
        rows = super().get_queryset(request).filter(is_staff=True).select_related("staff_member", "invitation")
        return rows.select_related("clinician").prefetch_related("groups", "staff_member__locations")

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or may_manage(request.user, obj))

    def has_delete_permission(self, request, obj=None):
        return False  # the log names them: they are deactivated

    # The list

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Staff", **(extra_context or {})})

    @admin.display(ordering="first_name")
    def name(self, user):
        return user.get_full_name() or user.get_username()

    @admin.display
    def role(self, user):
        return "system administrator" if user.is_superuser else ", ".join(each.name for each in user.groups.all())

    @admin.display(description="locations")
    def where(self, user):
        member = get_staff_member(user)
        if user.is_superuser or member is None or member.has_all_locations:
            return "all"
        return ", ".join(each.name for each in member.locations.all()) or "none"

    @admin.display(description="clinician", empty_value="")
    def clinician_name(self, user):
        return getattr(user, "clinician", None)

    @admin.display(description="state")
    def state(self, user):
        invitation = getattr(user, "invitation", None)
        if not user.is_active:
            return format_html('<span class="state state-cancelled">{}</span>', "deactivated")
        if invitation is None:
            return format_html('<span class="state state-confirmed">{}</span>', "active")
        if invitation.expires_at <= database_now():
            return format_html('<span class="state state-failed">{}</span>', "invitation ran out")
        until = date_format(localtime(invitation.expires_at), "j M")
        return format_html('<span class="state state-pending">invited until {}</span>', until)

    # The page

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)  # Django creates a class per request
        form.manager = request.user
        return form

    def get_fieldsets(self, request, obj=None):
        hidden = set() if has_all_locations(request.user) else {"has_all_locations"}
        if obj and not self.has_change_permission(request, obj):
            return [
                (None, {"fields": ["first_name", "last_name", "email", "role", "where", "clinician_name", "state"]})
            ]
        return [
            (title, {"fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in self.fieldsets
        ]

    def get_readonly_fields(self, request, obj=None):
        is_closed = obj and not self.has_change_permission(request, obj)
        return ["role", "where", "clinician_name", "state"] if is_closed else []

    def changeform_view(self, request, object_id=None, *args, **kwargs):
        if request.method == "POST":
            require_recent_proof(request)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def add_view(self, request, form_url="", extra_context=None):
        context = {"title": "Invite a colleague", "show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**context, **(extra_context or {})})

    def save_model(self, request, obj, form, change):
        if change:
            super().save_model(request, obj, form, change)
            staff_invitations.give_access(obj, form.access)
            return
        names = {name: form.cleaned_data[name] for name in ("email", "first_name", "last_name")}
        obj.pk = staff_invitations.invite(**names, access=form.access, site=get_site(request)).pk

    def save_related(self, request, form, formsets, change):
        """Save nothing more: the verbs have."""

    def response_add(self, request, obj, post_url_continue=None):
        messages.success(request, f"A link is on its way to {obj.email}.")
        return self.response_post_save_add(request, obj)

    def render_change_form(self, request, context, obj=None, **kwargs):
        if obj and self.has_change_permission(request, obj):
            context["tools"] = self._list_tools(obj)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    @staticmethod
    def _list_tools(user):
        if not user.is_active:
            return [("reactivate", "Let them in again", "")]
        remove, resend = ("remove_factors", "Remove second factors", ""), ("resend", "Send the link again", "")
        first = remove if user.has_usable_password() else resend
        return [first, ("deactivate", "Deactivate", "move-cancel")]

    # Object tools

    def run_object_tool(self, request, pk, name):
        user = self.get_queryset(request).filter(pk=pk).first()
        if user and not self.has_change_permission(request, user):
            raise PermissionDenied
        if request.method == "POST":
            require_recent_proof(request)
        return super().run_object_tool(request, pk, name)

    def resend_tool(self, request, user):
        """Mail another link; the one before ends."""
        if user.has_usable_password():
            messages.warning(request, f"{user} has a password already. They can ask for a new one where they log in.")
            return
        staff_invitations.send_invitation(user, site=get_site(request))
        self.log_change(request, user, "Invited again.")
        messages.success(request, f"Another link is on its way to {user.email}.")

    def deactivate_tool(self, request, user):
        """Let somebody in no longer, from this moment on."""
        ended = staff_invitations.deactivate(user)
        self.log_change(request, user, "Deactivated.")
        messages.success(request, f"{user} cannot log in any more. Sessions that were ended: {ended}.")

    def reactivate_tool(self, request, user):
        """Let somebody in again."""
        staff_invitations.reactivate(user, site=get_site(request))
        self.log_change(request, user, "Let in again.")
        messages.success(request, f"{user} can log in again.")

    def remove_factors_tool(self, request, user):
        """Help somebody who has lost their phone or key."""
        removed = remove_second_factors(user)
        self.log_change(request, user, "Second factors removed.")
        messages.success(request, f"Removed: {removed}. Until one is set up again, the password alone counts.")


def has_begun(user):
    """Return whether somebody has a password or has logged in: the login is theirs by now."""
    return user.has_usable_password() or user.last_login is not None


def get_site(request):
    """Return the origin of links in mails to staff."""
    return settings.SITE_URL or request.build_absolute_uri("/").rstrip("/")
