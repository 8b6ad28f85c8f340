"""API keys: who may use the API, and for what. A key is shown once, on the page that creates it."""

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from booking.access.api_keys import InvalidKey, give_secret, revoke_key, rotate_key
from booking.admin.idempotent_create import IdempotentCreateMixin
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.secret_pages import get_overlap, is_repeated_rotation, render_rotation_form, render_secret
from booking.admin.sign_in.middleware import require_recent_proof
from booking.models import ApiKey
from booking.models.api import validate_origin
from scheduling.lib.edit_conflicts import EditConflictMixin

ROTATION_ADVICE = (
    "A new key is made that may do the same and goes on with the same holds. Until the old one ends, both work: long "
    "enough to put the new one everywhere the old one is used."
)


class LinesWidget(forms.Textarea):
    """A text area that edits a list, one item per line."""

    def format_value(self, value):
        return value if isinstance(value, str) else "\n".join(value or [])

    def value_from_datadict(self, data, files, name):
        return [line.strip() for line in data.get(name, "").splitlines() if line.strip()]


class OriginsField(forms.Field):
    widget = LinesWidget(attrs={"rows": 3, "cols": 60})

    def clean(self, value):
        """Return the list of origins; validate each line as the model does, and name the wrong one."""
        for line in super().clean(value) or []:
            try:
                validate_origin(line)
            except forms.ValidationError as error:
                raise forms.ValidationError(f"{line}: {error.message}") from error
        return value

    def has_changed(self, initial, data):
        return (initial or []) != (data or [])


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(value, label.capitalize()) for value, label in ApiKey.Scope.choices],
        widget=forms.CheckboxSelectMultiple,
        help_text="What the key may do. A publishable key can have the first five only; with it, patients are neither "
        "found nor read, and whom it creates is a draft until they book.",
    )
    allowed_origins = OriginsField(
        required=False,
        help_text="The sites whose pages may use it, one per line, such as https://www.clinic.example. "
        "A publishable key needs one; a secret key is for servers and needs none.",
    )


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request, queryset):
        is_expired = Q(expires_at__lte=timezone.now())
        rows = {
            "live": queryset.filter(~is_expired | Q(expires_at=None), revoked_at=None),
            "expired": queryset.filter(is_expired, revoked_at=None),
            "revoked": queryset.exclude(revoked_at=None),
        }
        return rows.get(self.value() or "", queryset)


@admin.register(ApiKey)
class ApiKeyAdmin(IdempotentCreateMixin, ObjectToolsMixin, EditConflictMixin, admin.ModelAdmin):
    form = ApiKeyForm
    list_display = ["name", "key_start", "kind", "permissions", "state", "expires_at", "last_used_at"]
    list_filter = [StateFilter, "kind"]
    search_fields = ["name", "start"]
    change_form_template = "admin/booking/apikey/change_form.html"
    actions = ["revoke"]
    object_tools = ["rotate", "revoke"]
    tools_with_form = ["rotate", "revoke"]
    fields = [
        "name",
        "kind",
        "scopes",
        "allowed_origins",
        "requests_per_minute",
        "max_live_holds",
        "expires_at",
    ]
    status_fields = ["key_start", "state", "created_at", "last_used_at", "revoked_at"]

    # Permissions. A key is never deleted: events and holds refer to it.

    def has_delete_permission(self, request, obj=None):
        return False

    def has_revoke_permission(self, request):
        return self.has_change_permission(request)

    # The list

    @admin.display(description="beginning", ordering="start")
    def key_start(self, key):
        return format_html("<code>{}…</code>", key.start)

    @admin.display(description="may")
    def permissions(self, key):
        return "everything" if set(key.scopes) == set(ApiKey.Scope) else ", ".join(key.scopes)

    def state(self, key):
        return key.state(timezone.now())

    # The page

    def get_fields(self, request, obj=None):
        return [*self.fields, *self.status_fields] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return ["kind", *self.status_fields] if obj else []  # the key's first letters encode its kind

    def add_view(self, request, *args, **kwargs):
        require_recent_proof(request)
        return super().add_view(request, *args, **kwargs)

    def save_model(self, request, obj, form, change):
        if not change:
            obj.plain = give_secret(obj)
        super().save_model(request, obj, form, change)
        if obj.kind == ApiKey.Kind.SECRET and obj.allowed_origins:
            messages.warning(
                request,
                "A secret key can do more than any visitor may. Pages of the sites it lists can use it now, and so can "
                "whoever reads their code: use a publishable key there.",
            )

    def response_add(self, request, obj, post_url_continue=None):
        return self._render_secret(request, obj, obj.plain)

    def _render_secret(self, request, key, secret):
        advice = "Keep it on a server. Whoever has it can do all that it may do."
        if key.is_publishable:
            advice = f"It works on the pages of {', '.join(key.allowed_origins)}, for everyone who reads them."
        return render_secret(
            self,
            request,
            title="Copy the key now",
            what="the key",
            name=key,
            secret=secret,
            advice=advice,
            page=self.get_change_url(key),
        )

    # Object tools

    def rotate_tool(self, request, key):
        """Create a key that replaces this one, after asking how long this one stays valid."""
        require_recent_proof(request)
        overlap = get_overlap(request)
        if overlap is None:
            return render_rotation_form(
                self,
                request,
                title=f"Rotate {key}",
                advice=ROTATION_ADVICE,
                label="The old key ends",
                page=self.get_change_url(key),
                state=key.expires_at,
            )
        if is_repeated_rotation(request, key.expires_at):
            return None
        try:
            new, secret = rotate_key(key, overlap=overlap)
        except InvalidKey:
            messages.warning(request, f"{key} does not work any more: make a new key.")
            return None
        self.log_change(request, key, "Rotated.")
        self.log_addition(request, new, f"Replaces {key.start}….")
        return self._render_secret(request, new, secret)

    def revoke_tool(self, request, key):
        """Stop accepting the key, after asking."""
        if request.method == "POST":
            self.revoke(request, [key])
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"Revoke {key}",
            "page": self.get_change_url(key),
            "key": key,
        }
        return TemplateResponse(request, "admin/booking/apikey/revoke.html", context)

    @admin.action(description="Revoke: stop accepting them now", permissions=["revoke"])
    def revoke(self, request, queryset):
        for key in queryset:
            revoke_key(key)
            self.log_change(request, key, "Revoked.")
            messages.success(request, f"{key} is revoked: it is not accepted from now on.")
