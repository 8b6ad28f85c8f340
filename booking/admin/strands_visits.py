"""Before a change of the set-up is saved: which coming visits it would leave without their time."""

from django.contrib import admin, messages
from django.template.response import TemplateResponse

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor
from booking.domain.stranded_visits import WouldStrand, save_or_ask
from booking.models import Appointment, StrandedVisit

ACCEPTED = "strands"  # the field that says which visits were shown, when it is sent again
MAX_SHOWN = 200


class StrandsVisitsMixin:
    """A ModelAdmin whose changes may leave coming visits without their time.

    A save that would is not made: its page shows the visits, and asks whether to save and mark them, or to go back. A
    class says in ``get_concerned`` whose visits a form may strand. Stands first among the bases.
    """

    def get_concerned(self, request, obj):
        """Return the Concerned of a request that saves or deletes ``obj``, which is None for a new row."""
        raise NotImplementedError

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        view = super().changeform_view
        return self._save_or_ask(request, object_id, lambda: view(request, object_id, form_url, extra_context))

    def delete_view(self, request, object_id, extra_context=None):
        view = super().delete_view
        return self._save_or_ask(request, object_id, lambda: view(request, object_id, extra_context))

    def _save_or_ask(self, request, object_id, save):
        if request.method != "POST":
            return save()
        concerned = self.get_concerned(request, self.get_object(request, object_id) if object_id else None)
        try:
            return save_or_ask(save, concerned, actor=get_actor(request), accepted=request.POST.get(ACCEPTED, ""))
        except WouldStrand as refusal:
            return ask_about_stranded(request, refusal)


def ask_about_stranded(request, refusal):
    """Return the page that shows which visits a form would strand, and sends it again: to save, or to go back."""
    discard_messages(request)
    ids = [each.appointment.pk for each in refusal.visits]
    visible = set(visible_to(request.user, Appointment.objects.filter(pk__in=ids)).values_list("pk", flat=True))
    shown = [each for each in refusal.visits if each.appointment.pk in visible]
    number = len(refusal.visits)
    context = {
        "title": f"{number} coming visit{'' if number == 1 else 's'} could not take place",
        "number": number,
        "strandings": [(each.appointment, StrandedVisit.Cause(each.cause).label) for each in shown[:MAX_SHOWN]],
        "patients": [each.appointment for each in shown[:MAX_SHOWN]],  # for the record of who was shown
        "hidden": number - min(len(shown), MAX_SHOWN),
        "sent": [
            (name, value)
            for name, values in request.POST.lists()
            if name not in (ACCEPTED, "csrfmiddlewaretoken")
            for value in values
        ],
        "has_files": bool(request.FILES),
        "accepted": refusal.digest,
        "field": ACCEPTED,
        **admin.site.each_context(request),
    }
    return TemplateResponse(request, "admin/booking/strandedvisit/ask.html", context)


def discard_messages(request):
    """Forget the messages that this request has added: what they say was not saved."""
    messages.get_messages(request)._queued_messages.clear()
