"""Admin pages of what has an address."""

from scheduling.lib.addresses import LOOKUP_TIMEOUT
from scheduling.lib.safe_http import NotPublic, Unreachable, resolve


class LooksUpAddress:
    """A ModelAdmin whose form has a ``url``; the form's ``unusable`` is what resolve raised for it, or None.

    It is looked up before the page's transaction begins: in one, nobody waits for a name server.
    """

    read_address = staticmethod(str.strip)  # what is meant by what was typed

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        may_save = self.has_add_permission(request) or self.has_change_permission(request)
        request.unusable = look_up(self.read_address(request.POST.get("url", ""))) if may_save else None
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)  # a class of its own for each request
        form.unusable = request.unusable
        return form


def look_up(address):
    """Return the NotPublic or Unreachable that keeps an address from being used, or None; an empty one is None too."""
    try:
        if address:
            resolve(address, timeout=LOOKUP_TIMEOUT)
    except (NotPublic, Unreachable) as error:
        return error
    return None
