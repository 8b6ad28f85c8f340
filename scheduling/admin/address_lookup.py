"""Admin forms that take a URL, which is resolved before it is saved."""

from scheduling.lib.addresses import LOOKUP_TIMEOUT
from scheduling.lib.safe_http import NotPublic, Unreachable, resolve


class AddressLookupMixin:
    """A ModelAdmin whose form has a ``url``; the form's ``address_error`` is what resolve raised for it, or None.

    Resolve before the page's transaction begins: no transaction waits for a name server.
    """

    read_address = staticmethod(str.strip)  # normalizes what was typed

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        is_permitted = self.has_add_permission(request) or self.has_change_permission(request)
        request.address_error = (
            find_address_error(self.read_address(request.POST.get("url", ""))) if is_permitted else None
        )
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)  # Django creates a class per request
        form.address_error = request.address_error
        return form


def find_address_error(address):
    """Return the NotPublic or Unreachable that resolving the address raises, or None, also for an empty address."""
    try:
        if address:
            resolve(address, timeout=LOOKUP_TIMEOUT)
    except (NotPublic, Unreachable) as error:
        return error
    return None
