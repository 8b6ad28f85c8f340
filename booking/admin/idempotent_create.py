"""Pages that show a secret when something is made: to send the form again makes no second one."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpResponseRedirect


class IdempotentCreate:
    """A ModelAdmin whose form for a new row has the row's id in it from the start; the template admin/made_once.html.

    With PageButtons, which knows the page of a row. To load the page with the secret again sends the form again.
    """

    change_form_template = "admin/made_once.html"

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if object_id is not None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        new_id = get_new_id(request) or uuid4()
        if answer := self._made_already(request, new_id):
            return answer
        try:
            return super().changeform_view(request, None, form_url, {"new_id": new_id, **(extra_context or {})})
        except IntegrityError:  # it was sent twice at once
            if answer := self._made_already(request, new_id):
                return answer
            raise

    def save_model(self, request, obj, form, change):
        if not change and (new_id := get_new_id(request)):
            obj.pk = new_id
        super().save_model(request, obj, form, change)

    def _made_already(self, request, pk):
        if not (made := self.get_queryset(request).filter(pk=pk).first()):
            return None
        messages.info(request, "It has been made already, and what was to be copied is not shown again.")
        return HttpResponseRedirect(self.page_of(made))


def get_new_id(request):
    """Return the id in the form that was sent, or None."""
    try:
        return UUID(request.POST.get("new_id", ""))
    except ValueError:
        return None
