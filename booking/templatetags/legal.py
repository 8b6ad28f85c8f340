"""What the clinic must tell about itself: its privacy notice, imprint and terms, and who is sent patients' names."""

from django import template
from django.conf import settings
from django.utils.translation import gettext

from booking.integrations.approvers import list_remote_kinds
from booking.models import Provider
from booking.models.branding import get_branding

register = template.Library()


@register.simple_tag
def legal_links() -> list[tuple[str, str]]:
    """Return the label and the address of each page that the clinic has named."""
    branding = get_branding()
    pages = [
        (gettext("Privacy notice"), branding.privacy_notice),
        (gettext("Imprint"), branding.imprint_url or settings.IMPRINT_URL),
        (gettext("Terms"), branding.terms_url or settings.TERMS_URL),
    ]
    return [(label, address) for label, address in pages if address]


@register.simple_tag
def privacy_notice_url() -> str:
    """Return the address of the privacy notice, or "" where there is none."""
    return get_branding().privacy_notice


@register.simple_tag
def outside_approvers() -> list[str]:
    """Return the names of the other systems that some appointments are sent to, with who comes."""
    systems = Provider.objects.filter(is_active=True, kind__in=list_remote_kinds()).order_by("name")
    return list(systems.values_list("name", flat=True))
