"""The moves of appointments in admin: actions of the list, buttons of a page."""

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from booking.admin.moves import STAFF_MOVES, CancelForm, make, may


def in_bulk(move):
    """Return the action of the list that makes ``move`` with each selected appointment."""

    @admin.action(description=move.label, permissions=[move.permission])
    def action(model_admin, request, queryset):
        for appointment in queryset:
            make(move, appointment, request)

    action.__name__ = move.name
    return action


class Moving:
    """The part of the appointments' admin where they are moved from one status to another, through the verbs."""

    actions = [in_bulk(move) for name, move in STAFF_MOVES.items() if name != "cancel"] + ["cancel"]

    def has_decide_permission(self, request):
        return may(request, "decide")

    def has_mark_permission(self, request):
        return may(request, "mark")

    def get_urls(self):
        view = self.admin_site.admin_view(self.move_view)
        name = "booking_appointment_move"
        return [path("<path:object_id>/move/<slug:name>/", view, name=name), *super().get_urls()]

    def move_view(self, request, object_id, name):
        """Make one move with one appointment: the buttons of its page."""
        appointment = self.get_object(request, unquote(object_id))
        move = STAFF_MOVES.get(name)
        if appointment is None or move is None:
            raise Http404
        if not self.has_view_permission(request, appointment) or not may(request, move.permission):
            raise PermissionDenied
        page = reverse("admin:booking_appointment_change", args=[object_id])
        if name == "cancel":
            return self._cancel(request, [appointment], back=page) or HttpResponseRedirect(page)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        make(move, appointment, request)
        return HttpResponseRedirect(page)

    @admin.action(description="Cancel …", permissions=["decide"])
    def cancel(self, request, queryset):
        return self._cancel(request, list(queryset), back=request.get_full_path())

    def _cancel(self, request, appointments, *, back):
        """Ask for the reason, or cancel and return None when it has been given."""
        form = CancelForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            for appointment in appointments:
                make(STAFF_MOVES["cancel"], appointment, request, **form.cleaned_data)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "back": back,
            "appointments": [(appointment, self.when(appointment)) for appointment in appointments],
            "title": "Cancel an appointment" if len(appointments) == 1 else "Cancel appointments",
            "media": self.media,
        }
        return TemplateResponse(request, "admin/booking/appointment/cancel.html", context)
