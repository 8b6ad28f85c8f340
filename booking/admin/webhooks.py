"""Webhook endpoints and what was delivered to them. A secret is shown once, on the page that makes it."""

import json

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from scheduling.admin import ReadOnly
from scheduling.outbound import NotPublic

from ..models import Delivery, WebhookEndpoint
from ..webhooks import endpoints
from ..webhooks.endpoints import AlreadyOnItsWay, EndpointDisabled
from ..webhooks.signing import make_secret
from .rotation import ask_overlap, chosen_overlap
from .shown_once import show_once

ROTATING = (
    "A new secret is made. Until the old one ends, every delivery is signed with both: long enough to put the new one "
    "into the receiver. If the old one got about, end it now."
)
ADVICE = "Give it to whoever runs the receiver, and to nobody else: with it anyone could speak in our name."
NOT_SENT = "Nothing was sent: %s is disabled. Enable it first."


class EndpointForm(forms.ModelForm):
    events = forms.MultipleChoiceField(
        choices=WebhookEndpoint.Kind.choices, widget=forms.CheckboxSelectMultiple, required=False,
        help_text="What it is told of. None ticked: everything, also what is yet to come.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["url", "description", "format", "events"]
        widgets = {"url": forms.URLInput(attrs={"class": "vURLField", "size": 80})}

    def clean_url(self):
        url = self.cleaned_data["url"]
        if "url" in self.changed_data:
            try:
                endpoints.check_address(url)
            except NotPublic as error:
                raise forms.ValidationError(NotPublic.__doc__, code="not-public") from error
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
        return rows.get(self.value(), queryset)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(admin.ModelAdmin):
    form = EndpointForm
    list_display = ["name", "address", "told_of", "format", "state", "disabled_because"]
    list_filter = [StateFilter, "format"]
    search_fields = ["description", "url"]
    change_form_template = "admin/booking/webhookendpoint/change_form.html"
    actions = ["enable", "disable"]
    fields = ["url", "description", "format", "events"]
    shown = ["state", "failing_since", "disabled_at", "disabled_because", "old_secret_ends_at", "created_at"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

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
    def told_of(self, endpoint):
        return ", ".join(endpoint.events) or "everything"

    def state(self, endpoint):
        state = "disabled" if endpoint.disabled_at else "failing" if endpoint.failing_since else "live"
        return format_html('<span class="state state-{}">{}</span>', state, state)

    # One endpoint

    def get_fields(self, request, obj=None):
        return [*self.fields, *self.shown] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return self.shown if obj else []

    def save_model(self, request, obj, form, change):
        if not change:
            obj.secret = make_secret()
        super().save_model(request, obj, form, change)

    def delete_view(self, request, object_id, extra_context=None):
        if request.method == "POST" and self.has_delete_permission(request):
            # Before the transaction that deletes: see remove_endpoint.
            for endpoint in WebhookEndpoint.objects.filter(pk=object_id):
                endpoints.disable(endpoint)
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request, obj):
        endpoints.remove_endpoint(obj)

    def delete_queryset(self, request, queryset):
        for endpoint in queryset:
            endpoints.remove_endpoint(endpoint)

    def get_deleted_objects(self, objs, request):
        # Not each of its deliveries by name: there may be a hundred thousand.
        number = Delivery.objects.filter(endpoint__in=objs).count()
        counted = {"webhook endpoints": len(objs), "deliveries": number}
        return [str(endpoint) for endpoint in objs], counted, set(), []

    def response_add(self, request, obj, post_url_continue=None):
        return self._show_once(request, obj)

    def _show_once(self, request, endpoint):
        return show_once(
            self, request, title="Copy the secret now", what="the secret of the webhook endpoint", name=endpoint,
            plain=endpoint.secret, advice=ADVICE, page=self._page(endpoint), kept="if it is lost, rotate it",
        )

    def _page(self, endpoint):
        return reverse("admin:booking_webhookendpoint_change", args=[endpoint.pk])

    # Verbs

    def get_urls(self):
        views = {
            "rotate": self.rotate_view, "test": self.test_view, "enable": self.enable_view, "disable": self.disable_view
        }
        return [
            path(f"<uuid:id>/{name}/", self.admin_site.admin_view(view), name=f"booking_webhookendpoint_{name}")
            for name, view in views.items()
        ] + super().get_urls()

    def rotate_view(self, request, id):
        """Make a new secret; first ask until when the old one is used."""
        endpoint, overlap = self._endpoint(request, id), chosen_overlap(request)
        if overlap is None:
            return ask_overlap(
                self, request, title=f"Rotate the secret of {endpoint}", advice=ROTATING, label="The old secret ends",
                page=self._page(endpoint),
            )
        endpoints.rotate_secret(endpoint, overlap=overlap)
        self.log_change(request, endpoint, "Rotated its secret.")
        return self._show_once(request, endpoint)

    def test_view(self, request, id):
        """Send a test event and go to its delivery: the button of its page."""
        endpoint = self._endpoint(request, id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            delivery = endpoints.send_test(endpoint)
        except EndpointDisabled:
            messages.warning(request, NOT_SENT % endpoint)
            return HttpResponseRedirect(self._page(endpoint))
        messages.success(request, "A test event is on its way: in a moment this page says how it went.")
        return HttpResponseRedirect(reverse("admin:booking_delivery_change", args=[delivery.pk]))

    def enable_view(self, request, id):
        """Enable it: the button of its page."""
        return self._switch(request, id, self.enable)

    def disable_view(self, request, id):
        """Disable it: the button of its page."""
        return self._switch(request, id, self.disable)

    def _switch(self, request, id, action):
        endpoint = self._endpoint(request, id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        action(request, WebhookEndpoint.objects.filter(pk=endpoint.pk))
        return HttpResponseRedirect(self._page(endpoint))

    def _endpoint(self, request, id):
        if not self.has_change_permission(request):
            raise PermissionDenied
        return get_object_or_404(WebhookEndpoint, pk=id)

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


class EndpointFilter(admin.RelatedOnlyFieldListFilter):
    include_empty_choice = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["told", "endpoint", "how", "tries", "answer", "next_try", "created_at"]
    list_filter = ["status", ("endpoint", EndpointFilter), ("created_at", admin.DateFieldListFilter)]
    list_select_related = ["endpoint"]
    search_fields = ["payload__type", "payload__data__id", "last_error"]
    search_help_text = "Part of what it tells or of its last error, or the id of whatever it is about."
    show_full_result_count = False
    change_form_template = "admin/booking/delivery/change_form.html"
    actions = ["redeliver"]
    fields = [
        "id", "endpoint", "how", "tries", "answer", "next_try", "done_at", "created_at", "body",
    ]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    def get_queryset(self, request):
        return super().get_queryset(request).exclude(endpoint=None)

    def has_redeliver_permission(self, request):
        return request.user.has_perm("booking.change_delivery")

    @admin.display(description="event")
    def told(self, delivery):
        return delivery.payload.get("type")

    @admin.display(description="status", ordering="status")
    def how(self, delivery):
        return format_html('<span class="state state-{}">{}</span>', delivery.status, delivery.get_status_display())

    @admin.display(ordering="attempts")
    def tries(self, delivery):
        return delivery.attempts

    @admin.display(description="answer")
    def answer(self, delivery):
        """Return what the last try was answered with, or why there was no answer."""
        return delivery.last_error or (f"HTTP {delivery.response_status}" if delivery.response_status else "–")

    @admin.display(ordering="due_at")
    def next_try(self, delivery):
        is_waiting = delivery.status == Delivery.Status.WAITING
        return date_format(localtime(delivery.due_at), "DATETIME_FORMAT") if is_waiting else "–"

    def body(self, delivery):
        return format_html("<pre>{}</pre>", json.dumps(delivery.payload, indent=2, ensure_ascii=False, sort_keys=True))

    def get_urls(self):
        view = self.admin_site.admin_view(self.redeliver_view)
        return [path("<uuid:id>/redeliver/", view, name="booking_delivery_redeliver"), *super().get_urls()]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        context = {**(extra_context or {}), "may_redeliver": self.has_redeliver_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def redeliver_view(self, request, id):
        """Send it again: the button of its page."""
        if not self.has_redeliver_permission(request):
            raise PermissionDenied
        delivery = get_object_or_404(self.get_queryset(request), pk=id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.redeliver(request, self.get_queryset(request).filter(pk=delivery.pk))
        return HttpResponseRedirect(reverse("admin:booking_delivery_change", args=[delivery.pk]))

    @admin.action(description="Send the selected deliveries again", permissions=["redeliver"])
    def redeliver(self, request, queryset):
        sent, kept = 0, {}
        for delivery in queryset.select_related("endpoint"):
            try:
                endpoints.redeliver(delivery)
                sent += 1
            except EndpointDisabled:
                kept.setdefault(NOT_SENT % delivery.endpoint)
            except AlreadyOnItsWay:
                kept.setdefault(f"{delivery} is being sent right now.")
        for reason in kept:
            messages.warning(request, reason)
        if sent:
            messages.success(request, f"On their way again: {sent}.")
