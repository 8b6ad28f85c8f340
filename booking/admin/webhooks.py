"""Webhook endpoints. A secret is shown once, on the page that creates it."""

from django import forms
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from booking.access.signatures import make_secret
from booking.admin.deliveries import NOT_SENT
from booking.admin.idempotent_create import IdempotentCreateMixin
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.secret_pages import get_overlap, is_repeated_rotation, render_rotation_form, render_secret
from booking.integrations.webhooks import endpoints
from booking.integrations.webhooks.endpoints import EndpointDisabled
from booking.models import Delivery, WebhookEndpoint
from scheduling.admin.address_lookup import AddressLookupMixin
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.safe_http import NotPublic

ROTATION_ADVICE = (
    "A new secret is made. Until the old one ends, every delivery is signed with both: long enough to put the new one "
    "into the receiver. If the old one got about, end it now."
)
ADVICE = "Give it to whoever runs the receiver, and to nobody else: with it anyone could speak in our name."


class EndpointForm(forms.ModelForm):
    events = forms.MultipleChoiceField(
        choices=WebhookEndpoint.Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="What it is told of. None ticked: everything, also what is yet to come.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["url", "description", "format", "events"]
        widgets = {"url": forms.URLInput(attrs={"class": "vURLField", "size": 80})}

    def clean_url(self):
        url = self.cleaned_data["url"]
        if "url" in self.changed_data and self.address_error:
            raise forms.ValidationError(NotPublic.message, code="not-public")
        return url


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("live", "Live"), ("failing", "Failing"), ("disabled", "Disabled")]

    def queryset(self, request, queryset):
        rows = {
            "live": queryset.filter(disabled_at=None, failing_since=None),
            "failing": queryset.filter(disabled_at=None).exclude(failing_since=None),
            "disabled": queryset.exclude(disabled_at=None),
        }
        return rows.get(self.value() or "", queryset)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(
    IdempotentCreateMixin, ObjectToolsMixin, AddressLookupMixin, EditConflictMixin, admin.ModelAdmin
):
    form = EndpointForm
    list_display = ["name", "address", "subscribed_events", "format", "state", "disabled_because"]
    list_filter = [StateFilter, "format"]
    search_fields = ["description", "url"]
    change_form_template = "admin/booking/webhookendpoint/change_form.html"
    actions = ["enable", "disable"]
    object_tools = ["rotate", "test", "enable", "disable"]
    tools_with_form = ["rotate"]
    fields = ["url", "description", "format", "events"]
    status_fields = [
        "state",
        "failing_since",
        "disabled_at",
        "disabled_because",
        "old_secret_ends_at",
        "created_at",
    ]

    def has_switch_permission(self, request):
        return self.has_change_permission(request)

    # The list

    @admin.display(ordering="description")
    def name(self, endpoint):
        return endpoint.description or "(no description)"

    @admin.display(ordering="url")
    def address(self, endpoint):
        return format_html('<span class="address">{}</span>', endpoint.url)

    @admin.display(description="told of")
    def subscribed_events(self, endpoint):
        return ", ".join(endpoint.events) or "everything"

    def state(self, endpoint):
        state = "disabled" if endpoint.disabled_at else "failing" if endpoint.failing_since else "live"
        return format_html('<span class="state state-{}">{}</span>', state, state)

    # The page

    def get_fields(self, request, obj=None):
        return [*self.fields, *self.status_fields] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return self.status_fields if obj else []

    def save_model(self, request, obj, form, change):
        if not change:
            obj.secret = make_secret()
        super().save_model(request, obj, form, change)

    def delete_view(self, request, object_id, extra_context=None):
        if request.method == "POST" and self.has_delete_permission(request):
            # In batches, before the transaction that deletes: see remove_endpoint.
            for endpoint in self.get_queryset(request).filter(pk=object_id):
                endpoints.empty_endpoint(endpoint)
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request, obj):
        endpoints.remove_endpoint(obj)

    def delete_queryset(self, request, queryset):
        for endpoint in queryset:
            endpoints.remove_endpoint(endpoint)

    def get_deleted_objects(self, objs, request):
        # Count deliveries instead of naming each: there may be a hundred thousand.
        number = Delivery.objects.filter(endpoint__in=objs).count()
        counted = {"webhook endpoints": len(objs), "deliveries": number}
        return [str(endpoint) for endpoint in objs], counted, set(), []

    def response_add(self, request, obj, post_url_continue=None):
        return self._render_secret(request, obj)

    def _render_secret(self, request, endpoint):
        return render_secret(
            self,
            request,
            title="Copy the secret now",
            what="the secret of the webhook endpoint",
            name=endpoint,
            secret=endpoint.secret,
            advice=ADVICE,
            page=self.get_change_url(endpoint),
            reason="if it is lost, rotate it",
        )

    # Object tools

    def rotate_tool(self, request, endpoint):
        """Create a new secret, after asking how long deliveries are signed with the old one too."""
        overlap = get_overlap(request)
        if overlap is None:
            return render_rotation_form(
                self,
                request,
                title=f"Rotate the secret of {endpoint}",
                advice=ROTATION_ADVICE,
                label="The old secret ends",
                page=self.get_change_url(endpoint),
                state=endpoint.updated_at,
            )
        if is_repeated_rotation(request, endpoint.updated_at):
            return None
        endpoints.rotate_secret(endpoint, overlap=overlap)
        self.log_change(request, endpoint, "Rotated its secret.")
        return self._render_secret(request, endpoint)

    def test_tool(self, request, endpoint):
        """Send a test event and redirect to its delivery."""
        try:
            delivery = endpoints.send_test(endpoint)
        except EndpointDisabled:
            messages.warning(request, NOT_SENT % endpoint)
            return None
        messages.success(request, "A test event is on its way: load this page again in a moment to see how it went.")
        return HttpResponseRedirect(reverse("admin:booking_delivery_change", args=[delivery.pk]))

    def enable_tool(self, request, endpoint):
        self.enable(request, [endpoint])

    def disable_tool(self, request, endpoint):
        self.disable(request, [endpoint])

    @admin.action(description="Enable the selected webhook endpoints", permissions=["switch"])
    def enable(self, request, queryset):
        for endpoint in queryset:
            endpoints.enable(endpoint)
            self.log_change(request, endpoint, "Enabled.")
            messages.success(request, f"{endpoint} is told of what happens from now on.")

    @admin.action(description="Disable the selected webhook endpoints", permissions=["switch"])
    def disable(self, request, queryset):
        for endpoint in queryset:
            endpoints.disable(endpoint)
            self.log_change(request, endpoint, "Disabled.")
            messages.success(request, f"{endpoint} is told of nothing from now on.")
