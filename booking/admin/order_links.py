"""The link with which the patient of an order books it: e-mailed, and taken back."""

from django.conf import settings
from django.contrib import admin, messages

from booking.admin.moves import get_actor
from booking.admin.page_buttons import PageButtons
from booking.domain.appointments import OrderBooked
from booking.domain.orders import NoEmailAddress, revoke_link, send_link

NO_SITE = "No link was sent: SITE_URL is not set, so nobody knows where these pages are."


class OrderLinks(PageButtons):
    """The part of the orders' admin where links are sent."""

    actions = ["send_links"]
    buttons = ["send_link", "revoke_link"]
    button_permission = "link"

    def has_link_permission(self, request):
        return request.user.has_perm("booking.change_order")

    def moves_of(self, request, order):
        moves = []
        if self.has_link_permission(request) and not order.is_booked:
            moves.append(("send_link", "E-mail the link again" if order.token_hash else "E-mail the link"))
        if self.has_link_permission(request) and order.token_hash:
            moves.append(("revoke_link", "Take the link back"))
        return moves

    def send_link_button(self, request, order):
        """E-mail the link."""
        self.send(request, order)

    def revoke_link_button(self, request, order):
        """Take the link back."""
        revoke_link(order, actor=get_actor(request))
        messages.success(request, "The link does not work any more.")

    @admin.action(description="E-mail the link", permissions=["link"])
    def send_links(self, request, queryset):
        for order in queryset:
            self.send(request, order)

    def send(self, request, order):
        """E-mail the link, and tell the member of staff what came of it."""
        if not settings.SITE_URL:
            messages.error(request, NO_SITE)
            return
        try:
            send_link(order, actor=get_actor(request))
        except OrderBooked:
            messages.warning(request, f"No link was sent to {order.patient}: the order is booked.")
        except NoEmailAddress:
            messages.warning(request, f"No link was sent to {order.patient}: no e-mail address is known.")
        else:
            messages.success(request, f"The link is on its way to {order.patient.email}.")
