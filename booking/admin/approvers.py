"""Approvers: who must acknowledge appointments. The secret of another system is shown once."""

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import Http404

from booking.access.signatures import make_secret
from booking.admin.idempotent_create import IdempotentCreateMixin
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.secret_pages import render_secret
from booking.integrations.approvers import APPROVERS, get_approver, list_remote_kinds
from booking.integrations.approvers.base import NotAnswered
from booking.models import Provider
from scheduling.admin.address_lookup import AddressLookupMixin
from scheduling.admin.forms import DurationField
from scheduling.lib import durations
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.safe_http import NotPublic

CHECK_TIMEOUT = 5.0  # seconds that staff wait for the other system
ADVICE = (
    "Give it to whoever runs the other system, and to nobody else. Until they have it, they refuse what we ask, "
    "and we what they say; what is asked meanwhile is asked again."
)


class ApproverForm(forms.ModelForm):
    kind = forms.ChoiceField(choices=lambda: [(kind, approver.label) for kind, approver in APPROVERS.items()])

    def clean_url(self):
        url = self.cleaned_data["url"].strip()
        if url and "url" in self.changed_data:
            if "?" in url or "#" in url:
                raise forms.ValidationError("Write it without ? and #: more is written behind it.", code="url")
            if self.address_error:
                raise forms.ValidationError(NotPublic.message, code="not-public")
        return url

    def clean(self):
        """Allow one active approver per service and per location, so that it is plain who is asked."""
        fields = super().clean()
        kind = fields.get("kind") or self.instance.kind
        if kind in list_remote_kinds() and not fields.get("url"):
            self.add_error("url", "Another system needs an address to ask it at.")
        others = Provider.objects.filter(is_active=True).exclude(pk=self.instance.pk)
        for name in ("services", "locations") if fields.get("is_active") else ():
            for other in others.filter(**{f"{name}__in": fields.get(name, [])}).distinct():
                self.add_error(name, f"Some of these have an approver already: {other}.")
        return fields

    class Meta:
        model = Provider
        fields = ["name", "slug", "kind", "services", "locations", "answer_within", "url", "is_active"]
        widgets = {"url": forms.URLInput(attrs={"size": 80})}


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request, model_admin):
        return [(kind, approver.label) for kind, approver in APPROVERS.items()]

    def queryset(self, request, queryset):
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Provider)
class ApproverAdmin(IdempotentCreateMixin, ObjectToolsMixin, AddressLookupMixin, EditConflictMixin, admin.ModelAdmin):
    form = ApproverForm
    list_display = ["name", "slug", "kind_label", "responsibilities", "formatted_answer_within", "is_active"]
    formfield_overrides = {models.DurationField: {"form_class": DurationField}}
    list_filter = [KindFilter, "is_active"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    filter_horizontal = ["services", "locations"]
    change_form_template = "admin/booking/provider/change_form.html"
    object_tools = ["rotate", "check"]

    # Never deleted, since appointments refer to who acknowledged them: an approver is deactivated.

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("services", "locations")

    @admin.display(description="kind", ordering="kind")
    def kind_label(self, provider):
        return get_approver(provider).label

    @admin.display(description="asked for")
    def responsibilities(self, approver):
        return ", ".join(map(str, [*approver.services.all(), *approver.locations.all()]))

    @admin.display(description="answer within", ordering="answer_within")
    def formatted_answer_within(self, approver):
        return durations.format_duration(approver.answer_within)

    # The page

    def get_fields(self, request, obj=None):
        return ["kind_label" if name == "kind" and obj else name for name in ApproverForm.Meta.fields]

    def get_readonly_fields(self, request, obj=None):
        return ["kind_label", "slug"] if obj else []  # pending appointments depend on the kind, API clients on the slug

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else self.prepopulated_fields

    def save_model(self, request, obj, form, change):
        if not change and get_approver(obj).is_remote:
            obj.secret = make_secret()
        super().save_model(request, obj, form, change)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        approver = form.instance
        if approver.is_active and not (approver.services.exists() or approver.locations.exists()):
            messages.warning(request, f"{approver} is asked for nothing yet: it has no services and no locations.")

    def render_change_form(self, request, context, obj=None, **kwargs):
        context["is_remote"] = obj is not None and get_approver(obj).is_remote
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def response_add(self, request, obj, post_url_continue=None):
        if not get_approver(obj).is_remote:
            return super().response_add(request, obj, post_url_continue)
        return self._render_secret(request, obj)

    def _render_secret(self, request, approver):
        return render_secret(
            self,
            request,
            title="Copy the secret now",
            what="the secret of the approver",
            name=approver,
            secret=approver.secret,
            advice=ADVICE,
            page=self.get_change_url(approver),
            reason="if it is lost, make a new one",
        )

    # Object tools

    def rotate_tool(self, request, approver):
        """Replace the secret; the old one ends now."""
        self._require_remote(approver)
        approver.secret = make_secret()
        approver.save(update_fields=["secret"])
        self.log_change(request, approver, "Made a new secret.")
        return self._render_secret(request, approver)

    def check_tool(self, request, approver):
        """Check whether the other system answers and accepts our signature."""
        self._require_remote(approver)
        try:
            get_approver(approver).check(approver, timeout=CHECK_TIMEOUT)
        except NotAnswered as error:
            messages.error(request, f"{approver} does not answer: {error}.")
        else:
            messages.success(request, f"{approver} is there and takes our signature.")

    @staticmethod
    def _require_remote(approver):
        if not get_approver(approver).is_remote:
            raise Http404
