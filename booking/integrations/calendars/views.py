"""Serve calendar feeds. The token in the address is the only authority; no cookie is read or set."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from booking.integrations.calendars.event import write_calendar
from booking.integrations.calendars.feed import REFRESH_INTERVAL, find_feed, list_entries, record_reading
from booking.models import get_branding

# A header instead of robots.txt: Google Calendar obeys robots.txt and would not read the feed.
HEADERS = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@require_safe
@gzip_page
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Return the appointments of the feed's clinician, or 304 if the reader has them already."""
    found = find_feed(token)
    if found is None:
        sentence = "There is no such calendar. Its address may be incomplete, or no longer in use.\n"
        return HttpResponseNotFound(sentence, content_type="text/plain; charset=utf-8", headers=HEADERS)
    now, site = timezone.now(), settings.SITE_URL or request.build_absolute_uri("/")
    entries = list_entries(found.clinician, site=site, now=now)
    record_reading(found, entries, now=now)
    etag, changed_at = f'"{found.etag}"', int(found.changed_at.timestamp())
    headers = HEADERS | {"ETag": etag, "Last-Modified": http_date(changed_at)}
    response = get_conditional_response(request, etag, changed_at)
    if response is None:
        name = f"{found.clinician} at {get_branding().name}"
        text = write_calendar(entries, method="PUBLISH", name=name, refresh_interval=REFRESH_INTERVAL)
        response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    for name, value in headers.items():
        response[name] = value
    return response
