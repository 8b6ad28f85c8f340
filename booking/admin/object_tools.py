"""Object tools: buttons on an object's page, each with an address of its own."""

from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse


class ObjectToolsMixin:
    """A ModelAdmin with ``object_tools``: the method ``<name>_tool(request, obj)`` runs each.

    A tool returns a response, or None to go back to the object's page. Those in ``tools_with_form`` answer a GET with
    a form, the others take a POST only. All require has_<object_tool_permission>_permission.
    """

    object_tools = []
    tools_with_form = []
    object_tool_permission = "change"
    object_key = "uuid"

    def get_urls(self):
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        tools = [
            path(
                f"<{self.object_key}:pk>/{name}/",
                self.admin_site.admin_view(partial(self.run_object_tool, name=name)),
                name=f"{model}_{name}",
            )
            for name in self.object_tools
        ]
        return [*tools, *super().get_urls()]

    def run_object_tool(self, request, pk, name):
        if not getattr(self, f"has_{self.object_tool_permission}_permission")(request):
            raise PermissionDenied
        obj = get_object_or_404(self.get_queryset(request), pk=pk)
        if request.method != "POST" and name not in self.tools_with_form:
            return HttpResponseNotAllowed(["POST"])
        return getattr(self, f"{name}_tool")(request, obj) or HttpResponseRedirect(self.get_change_url(obj))

    def get_change_url(self, obj):
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
