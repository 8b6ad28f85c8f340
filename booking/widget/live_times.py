"""Tell open pages of times whether what they show has changed: 304 or 204, never a body.

Each page asks every few seconds, so this answers ahead of the rest and outside the pages' rate, and asks the database
little: once in VERSIONS_SECONDS a process reads how far each location has got, in one statement. Only
where a location has changed, or time has, are the times computed again that a page shows, once for all such pages. That
counts as a search of the network that asks. The page is fetched again only if they are others.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from functools import lru_cache, partial
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone

from booking.access.client_identity import get_networks
from booking.access.rate_limits import counter
from booking.domain.locations import get_location_versions
from booking.ops.replicas import get_fresh_alias, read_from_replica
from scheduling.availability.openings import as_datetime
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.encrypted_bytes import UnreadableBytes, decrypt, encrypt
from scheduling.lib.reading import get_read_alias
from scheduling.lib.recent_results import RecentResults
from scheduling.models import Service
from scheduling.models.hours import list_workplaces

PATH = "/changes/"
PURPOSE = b"live times"
VERSIONS_SECONDS = 0.5
# What time alone changes is seen then: a hold runs out, or a time is too soon to be booked.
MAX_AGE_SECONDS = 20
PACKED = Struct("!16s16s16sBqqq")
NOBODY = bytes(16)
WAYS = [None, False, True]

versions = RecentResults(max_age=VERSIONS_SECONDS, max_size=1 + len(settings.REPLICAS))
workplaces = RecentResults(max_age=MAX_AGE_SECONDS, max_size=500)
etags = RecentResults(max_age=MAX_AGE_SECONDS, max_size=2000)


class TooManySearches(Exception):
    """The network has had as many times computed as it may in a minute."""


class Watch(NamedTuple):
    """The openings that a page shows: of what, from when until when; see OpeningFilters."""

    service_id: UUID
    clinician_id: UUID | None
    location_id: UUID | None
    is_remote: bool | None
    ignored_slot_id: int | None
    start: int
    end: int

    def list_openings(self, service, *, now):
        """Return the openings, earliest first."""
        filters = OpeningFilters(
            service,
            clinician_ids=[self.clinician_id] if self.clinician_id else None,
            location_id=self.location_id,
            is_remote=self.is_remote,
            ignored_slot_id=self.ignored_slot_id,
        )
        return open_times(filters, start_at=as_datetime(self.start), end_at=as_datetime(self.end), now=now)


def get_watch_url(watch):
    """Return the address to ask. It is encrypted, so that nobody has us compute what no page shows."""
    ids = (each.bytes if each else NOBODY for each in watch[:3])
    packed = PACKED.pack(*ids, WAYS.index(watch.is_remote), watch.ignored_slot_id or 0, watch.start, watch.end)
    token = urlsafe_b64encode(encrypt(packed, belongs_to=PURPOSE)).rstrip(b"=").decode()
    return reverse("widget:changes", args=[token])


@lru_cache(maxsize=4096)
def read_watch(token):
    """Return the Watch that get_watch_url has put in an address, or None."""
    try:
        packed = decrypt(urlsafe_b64decode(token + "=" * (-len(token) % 4)), belongs_to=PURPOSE)
    except (UnreadableBytes, Base64Error, ValueError):
        return None
    service, clinician, location, way, slot_id, start, end = PACKED.unpack(packed)
    clinician_id, location_id = (UUID(bytes=each) if each != NOBODY else None for each in (clinician, location))
    return Watch(UUID(bytes=service), clinician_id, location_id, WAYS[way], slot_id or None, start, end)


def get_etag(openings):
    """Return what changes with the times and places of openings, whoever gives them."""
    shown = sorted({(opening.start, opening.location_id.int, opening.is_remote) for opening in openings})
    return f'"{blake2b(repr(shown).encode(), digest_size=12).hexdigest()}"'


def answer_at_once(application):
    """WSGI middleware that says what this process knows to be unchanged: a fraction of the work of Django's request."""

    def wrapped(environ, start_response):
        _, path, token = environ["PATH_INFO"].partition(PATH)
        etag = environ.get("HTTP_IF_NONE_MATCH")
        if path and etag and environ["REQUEST_METHOD"] == "GET" and is_known_etag(token, etag):
            start_response("304 Not Modified", [("ETag", etag), ("Cache-Control", "no-store")])
            return []
        return application(environ, start_response)

    return wrapped


def is_known_etag(token, etag):
    """Return whether the ETag is that of what the token's Watch shows now, as far as recent results say it."""
    watch = read_watch(token)
    source = get_fresh_alias() if watch and not watch.ignored_slot_id else DEFAULT_DB_ALIAS
    current, places = versions.get_fresh(source), watch and workplaces.get_fresh(watch[:3])
    return bool(current and places) and etags.get_fresh((source, watch, *map(current.get, places))) == etag


def answer_changes(get_response):
    """Middleware that answers below PATH by itself, as far as it knows what is asked."""

    def middleware(request):
        _, path, token = request.path_info.partition(PATH)
        if path and request.method == "GET" and (watch := read_watch(token)):
            return answer(request, watch)
        return get_response(request)

    return middleware


def changes(request, token):
    """Answer what the middleware has not: the address is not ours, or too old."""
    raise Http404


def answer(request, watch):
    """Return 304 if the page that asks shows what is free, else 204."""
    try:
        find = partial(find_etag, request, watch)
        etag = find() if watch.ignored_slot_id else read_from_replica(request, find)
    except TooManySearches:
        return HttpResponse(status=429, headers={"Retry-After": "60"})
    except (OperationalError, InterfaceError):
        return HttpResponse(status=503, headers={"Retry-After": "30"})
    is_same = request.headers.get("If-None-Match") == etag
    return HttpResponse(status=304 if is_same else 204, headers={"ETag": etag, "Cache-Control": "no-store"})


def find_etag(request, watch):
    """Return the ETag of what a Watch shows now; raises TooManySearches."""
    # A replica's versions go with its own times: it may show old times after the primary has told a new version.
    source = get_read_alias()
    current = versions.get(get_location_versions, source)
    places = workplaces.get(lambda: list_location_ids(watch), watch[:3])
    # Versions are read before the times are computed: what changes in between has a version of its own.
    return etags.get(lambda: compute_etag(request, watch), (source, watch, *map(current.get, places)))


def list_location_ids(watch):
    """Return the ids of the locations whose changes may concern a Watch."""
    if watch.location_id:
        return [watch.location_id]
    return sorted({pk for [pk] in list_workplaces("location_id", clinician__services=watch.service_id)})


def compute_etag(request, watch):
    usage = counter().count_networks("changes", get_networks(request), settings.SEARCHES_PER_NETWORK)
    if usage and usage.is_exceeded:
        raise TooManySearches
    service = Service.objects.filter(pk=watch.service_id).first()
    return get_etag(watch.list_openings(service, now=timezone.now()) if service else [])
