"""How a visitor's booking came: from which network, with which key, on which page. Its hold knows for two days."""

from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html

from booking.admin.permissions import has_appointment_permission
from booking.models import ApiKey, Hold


def render_origin(request, appointment):
    """Return how an appointment came, or "" where no visitor has booked it or that is forgotten."""
    hold = Hold.objects.filter(pk=appointment.pk).exclude(network="").first()
    if hold is None:
        return ""
    others = Hold.objects.filter(network=hold.network, status=Hold.Status.CONFIRMED).exclude(pk=hold.pk).count()
    return format_html(
        "{}{}, from the network {}, as {} of these days.",
        f"With {_name_key(hold.holder)}" if hold.holder.startswith("key:") else "On the patient’s pages",
        f", {hold.page}" if hold.page else "",
        _render_network(request, hold.network),
        f"{others} other{'' if others == 1 else 's'}" if others else "no other",
    )


def _name_key(holder):
    key = ApiKey.objects.filter(holder=UUID(holder.removeprefix("key:"))).first()
    return f"the key {key}" if key else "a key"


def _render_network(request, network):
    if not has_appointment_permission(request, "view_all") or not has_appointment_permission(request, "decide"):
        return network[:6]
    page = reverse("admin:booking_unusualbooking_changelist", query={"sign": f"network:{network}"})
    return format_html('<a href="{}">{}</a>', page, network[:6])
