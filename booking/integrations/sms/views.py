"""Where gateways report what has become of texts. Only who was sent a text's address knows it."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from booking.access.sms_links import read_report_token
from booking.integrations.sms import get_gateway
from booking.integrations.sms.sending import note_report
from booking.models import TextMessage


@csrf_exempt
@require_POST
def report(request: HttpRequest, token: str) -> HttpResponse:
    """Store what the gateway reports on a text. The answer to a forged report is that there is no such page."""
    id = read_report_token(token)
    text = TextMessage.objects.filter(pk=id).first() if id and settings.SMS_BACKEND != "none" else None
    if text is None:
        return HttpResponse(status=404)
    try:
        said = get_gateway().read_report(request, {name: str(value) for name, value in request.POST.items()})
    except PermissionDenied:
        return HttpResponse(status=404)
    if said:
        note_report(text, said)
    return HttpResponse(status=204)
