"""The log of staff's sign-ins and rights, to read."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import OuterRef, Subquery

from booking.access.sign_in_log import get_account_id
from booking.models import SignInEvent
from scheduling.admin import ReadOnlyMixin


@admin.register(SignInEvent)
class SignInEventAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["created_at", "kind", "login", "address", "details"]
    list_display_links = None
    list_filter = ["kind", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["address"]  # shows the search box; get_search_results does the search
    search_help_text = "An address, or a login exactly as it is typed: what was typed is not stored."
    ordering = ["-id"]
    show_full_result_count = False
    fields = ["created_at", "kind", "login", "address", "details"]

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Sign-ins and changes of rights", **(extra_context or {})})

    def get_queryset(self, request):
        users = get_user_model().objects.filter(pk=OuterRef("user_id"))
        return super().get_queryset(request).annotate(username=Subquery(users.values("username")[:1]))

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        if not term:
            return queryset, False
        # An address alone is cast to one: anything else is no address that is stored.
        found = queryset.filter(account=get_account_id(term)) | queryset.filter(address__startswith=term)
        return found, False

    @admin.display(description="login")
    def login(self, event):
        if event.username:
            return event.username
        return f"user {event.user_id}, deleted" if event.user_id else "–"

    def details(self, event):
        return "; ".join(f"{name}: {_write(value)}" for name, value in event.data.items())


def _write(value):
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
