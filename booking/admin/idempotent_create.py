"""Forms that create a row at most once, however often they are sent."""

from uuid import uuid4

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpResponseRedirect

from scheduling.lib.ids import parse_id


class IdempotentCreateMixin:
    """A ModelAdmin whose add form carries the id of the row that it will create.

    Needs ObjectToolsMixin and a template that extends admin/idempotent_create.html. Reloading the page that shows a new
    secret sends the form again.
    """

    change_form_template = "admin/idempotent_create.html"

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if object_id is not None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        new_id = get_new_id(request) or uuid4()
        if response := self._redirect_to_existing(request, new_id):
            return response
        try:
            return super().changeform_view(request, None, form_url, {"new_id": new_id, **(extra_context or {})})
        except IntegrityError:  # a concurrent duplicate request created it
            if response := self._redirect_to_existing(request, new_id):
                return response
            raise

    def save_model(self, request, obj, form, change):
        if not change and (new_id := get_new_id(request)):
            obj.pk = new_id
        super().save_model(request, obj, form, change)

    def _redirect_to_existing(self, request, pk):
        if not (existing := self.get_queryset(request).filter(pk=pk).first()):
            return None
        messages.info(request, "It has been made already, and what was to be copied is not shown again.")
        return HttpResponseRedirect(self.get_change_url(existing))


def get_new_id(request):
    """Return the new row's id from the submitted form, or None."""
    return parse_id(request.POST.get("new_id"))
