"""API keys: who may use the API and for what. A key is shown once, on the page that makes it."""

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from booking.access.api_keys import InvalidKey, give_secret, revoke_key, rotate_key
from booking.admin.idempotent_create import IdempotentCreate
from booking.admin.key_rotation import ask_overlap, chosen_overlap, is_sent_again
from booking.admin.page_buttons import PageButtons
from booking.admin.secret_page import show_once
from booking.models import ApiKey
from booking.models.api import validate_origin

ROTATING = (
    "A new key is made that may do the same and goes on with the same holds. Until the old one ends, both work: long "
    "enough to put the new one everywhere the old one is used."
)


class Lines(forms.Textarea):
    """A list, one entry per line."""

    def format_value(self, value):
        return value if isinstance(value, str) else "\n".join(value or [])

    def value_from_datadict(self, data, files, name):
        return [line.strip() for line in data.get(name, "").splitlines() if line.strip()]


class OriginsField(forms.Field):
    widget = Lines(attrs={"rows": 3, "cols": 60})

    def clean(self, value):
        """Check each line as the model does its items, and name the line that is wrong."""
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
        help_text="What the key may do. A publishable key can have the first three only.",
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
        return rows.get(self.value(), queryset)


@admin.register(ApiKey)
class ApiKeyAdmin(IdempotentCreate, PageButtons, admin.ModelAdmin):
    form = ApiKeyForm
    list_display = ["name", "beginning", "kind", "may", "state", "expires_at", "last_used_at"]
    list_filter = [StateFilter, "kind"]
    search_fields = ["name", "start"]
    change_form_template = "admin/booking/apikey/change_form.html"
    actions = ["revoke"]
    buttons = ["rotate", "revoke"]
    asking = ["rotate", "revoke"]
    fields = [
        "name",
        "kind",
        "scopes",
        "allowed_origins",
        "requests_per_minute",
        "max_live_holds",
        "expires_at",
    ]
    shown = ["beginning", "state", "created_at", "last_used_at", "revoked_at"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    # Who may: whoever may change keys. None is ever deleted, so that it can be told what a key has done.

    def has_delete_permission(self, request, obj=None):
        return False

    def has_revoke_permission(self, request):
        return self.has_change_permission(request)

    # The list

    @admin.display(ordering="start")
    def beginning(self, key):
        return format_html("<code>{}…</code>", key.start)

    def may(self, key):
        return "everything" if set(key.scopes) == set(ApiKey.Scope) else ", ".join(key.scopes)

    def state(self, key):
        return key.state(timezone.now())

    # One key

    def get_fields(self, request, obj=None):
        return [*self.fields, *self.shown] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return ["kind", *self.shown] if obj else []  # its beginning says its kind, which therefore stays

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
        return self._show_once(request, obj, obj.plain)

    def _show_once(self, request, key, plain):
        advice = "Keep it on a server. Whoever has it can do all that it may do."
        if key.is_publishable:
            advice = f"It works on the pages of {', '.join(key.allowed_origins)}, for everyone who reads them."
        return show_once(
            self,
            request,
            title="Copy the key now",
            what="the key",
            name=key,
            plain=plain,
            advice=advice,
            page=self.page_of(key),
        )

    # Verbs

    def rotate_button(self, request, key):
        """Make a key that replaces this one; first ask until when this one works."""
        overlap = chosen_overlap(request)
        if overlap is None:
            return ask_overlap(
                self,
                request,
                title=f"Rotate {key}",
                advice=ROTATING,
                label="The old key ends",
                page=self.page_of(key),
                state=key.expires_at,
            )
        if is_sent_again(request, key.expires_at):
            return None
        try:
            new, plain = rotate_key(key, overlap=overlap)
        except InvalidKey:
            messages.warning(request, f"{key} does not work any more: make a new key.")
            return None
        self.log_change(request, key, "Rotated.")
        self.log_addition(request, new, f"Replaces {key.start}….")
        return self._show_once(request, new, plain)

    def revoke_button(self, request, key):
        """Stop accepting this key; first ask."""
        if request.method == "POST":
            self.revoke(request, [key])
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"Revoke {key}",
            "page": self.page_of(key),
            "key": key,
        }
        return TemplateResponse(request, "admin/booking/apikey/revoke.html", context)

    @admin.action(description="Revoke: stop accepting them now", permissions=["revoke"])
    def revoke(self, request, queryset):
        for key in queryset:
            revoke_key(key)
            self.log_change(request, key, "Revoked.")
            messages.success(request, f"{key} is revoked: it is not accepted from now on.")
