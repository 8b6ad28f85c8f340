"""What the clinic must tell about itself: its privacy notice, imprint and terms, and who is sent patients' names."""

from django import template
from django.conf import settings
from django.utils.translation import gettext

from booking.integrations.approvers import list_remote_kinds
from booking.models import Provider

register = template.Library()


@register.simple_tag
def legal_links() -> list[tuple[str, str]]:
    """Return the label and the address of each page that the settings name."""
    pages = [
        (gettext("Privacy notice"), settings.PRIVACY_NOTICE_URL),
        (gettext("Imprint"), settings.IMPRINT_URL),
        (gettext("Terms"), settings.TERMS_URL),
    ]
    return [(label, address) for label, address in pages if address]


@register.simple_tag
def privacy_notice_url() -> str:
    """Return the address of the privacy notice, or "" where there is none."""
    return settings.PRIVACY_NOTICE_URL


@register.simple_tag
def outside_approvers() -> list[str]:
    """Return the names of the other systems that some appointments are sent to, with who comes."""
    systems = Provider.objects.filter(is_active=True, kind__in=list_remote_kinds()).order_by("name")
    return list(systems.values_list("name", flat=True))
