"""Buttons on the page of one thing, each with an address of its own."""

from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse


class PageButtons:
    """A ModelAdmin with ``buttons``: of each, ``<name>_button(request, obj)`` does what it says.

    It returns a response, or None to go back to the page. Those in ``asking`` ask something first, on a page of
    their own; the others take a POST only. ``button_permission`` is who may: see has_<it>_permission.
    """

    buttons = []
    asking = []
    button_permission = "change"

    def get_urls(self):
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path(
                f"<uuid:pk>/{name}/", self.admin_site.admin_view(partial(self.press, name=name)), name=f"{model}_{name}"
            )
            for name in self.buttons
        ] + super().get_urls()

    def press(self, request, pk, name):
        if not getattr(self, f"has_{self.button_permission}_permission")(request):
            raise PermissionDenied
        obj = get_object_or_404(self.get_queryset(request), pk=pk)
        if request.method != "POST" and name not in self.asking:
            return HttpResponseNotAllowed(["POST"])
        return getattr(self, f"{name}_button")(request, obj) or HttpResponseRedirect(self.page_of(obj))

    def page_of(self, obj):
        """Return the address of its page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
