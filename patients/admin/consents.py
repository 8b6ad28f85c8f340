"""What patients agreed to."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from patients.models import Consent


class ConsentInline(admin.TabularInline):
    """What the patient agreed to, and no longer does: to be read, and withdrawn on a page of its own."""

    model = Consent
    fields = readonly_fields = ["purpose", "given_at", "withdrawn_at", "withdraw"]
    extra = 0
    can_delete = False

    def get_fields(self, request, obj=None):
        return [name for name in self.fields if name != "withdraw" or may_withdraw(request)]

    # A link: a button here would be the form's first, which is the one that the Enter key presses.
    @admin.display(description="", empty_value="")
    def withdraw(self, consent):
        url = reverse("admin:patients_patient_withdraw", args=[consent.patient_id, consent.pk])
        return None if consent.withdrawn_at else format_html('<a href="{}">Withdraw …</a>', url)

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


def may_withdraw(request):
    return request.user.has_perm("patients.change_consent")
