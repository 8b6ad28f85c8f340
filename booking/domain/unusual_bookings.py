"""Online bookings that look made up: many from one network, with e-mail addresses of one pattern, or within minutes."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, F, Func, QuerySet, TextField, Value
from django.db.models.functions import Lower

from booking.models import Appointment, Hold, LocationActivity
from patients.email_providers import KNOWN
from scheduling.lib.clock import database_now

RECENT = timedelta(hours=48)  # as long as a hold knows where it came from
HISTORY = timedelta(days=180)
MIN_OF_NETWORK = 3
MIN_OF_WIDE_NETWORK = 5  # a /48 of IPv6, of which one customer can have 65,536 networks
MIN_OF_DOMAIN = 3
MIN_COUNTED_UP = 3
MIN_PLUS = 2  # one of a mailbox is how careful people write theirs
BURST = timedelta(minutes=5)
MIN_OF_BURST = 5
BURST_FACTOR = 4  # times what comes in five minutes of a usual day
BURSTS_OF_A_DAY = 12 * 60 // 5  # people book for twelve hours of it

COUNTER = re.compile(r"[._-]*\d+$")


@dataclass(frozen=True)
class OnlineBooking:
    """What is known of a booking that may be made up; ``created_at`` is in its location's zone."""

    id: UUID
    location_id: UUID
    network: str
    network_48: str
    email: str
    created_at: datetime


@dataclass(frozen=True)
class Sign:
    """Why a booking looks made up: what it has in common with others. ``number`` is how many they are with it."""

    kind: str
    key: str
    label: str
    number: int

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.kind}:{self.key}"


def find_unusual(appointments: QuerySet[Appointment], *, includes_verified: bool = False) -> dict[UUID, list[Sign]]:
    """Return the Signs of each of the coming ``appointments`` booked online in the last 48 hours that has any.

    Of those whose address was verified only with ``includes_verified``. What is cancelled by now still counts.
    """
    now = database_now()
    recent = appointments.order_by().filter(created_at__gt=now - RECENT).select_related("location")
    recent = {appointment.pk: appointment for appointment in recent}
    origins = Hold.objects.filter(pk__in=[*recent]).exclude(network="").values_list("pk", "network", "network_48")
    bookings = [_read(recent[id], network, network_48) for id, network, network_48 in origins]
    domains = {_get_domain(booking.email) for booking in bookings} - {""}
    usual = dict(LocationActivity.objects.values_list("location", "bookings_per_day"))
    signs = list_signs(bookings, known_domains=KNOWN | _list_known(domains, before=now - RECENT), usual=usual)
    verified = Appointment.Verification.VERIFIED
    return {
        id: found
        for id, found in signs.items()
        if recent[id].starts_at > now
        and recent[id].status in Appointment.UPCOMING
        and (includes_verified or recent[id].verification != verified)
    }


def _read(appointment, network, network_48):
    booked_at = appointment.created_at.astimezone(appointment.location.zone)
    email = appointment.attendee_email.lower()
    return OnlineBooking(appointment.pk, appointment.location_id, network, network_48, email, booked_at)


def _list_known(domains, *, before):
    """Return those of the domains at which people who came before have their mailbox."""
    domain = Func(F("attendee_email"), Value("@"), Value(2), function="split_part", output_field=TextField())
    earlier = Appointment.objects.order_by().filter(created_at__range=(before - HISTORY, before))
    earlier = earlier.exclude(cancellation_reason=Appointment.CancellationReason.UNUSUAL)
    earlier = earlier.annotate(domain=Lower(domain)).filter(domain__in=domains).values("domain")
    return set(earlier.annotate(number=Count("pk")).filter(number__gte=MIN_OF_DOMAIN).values_list("domain", flat=True))


def list_signs(
    bookings: Iterable[OnlineBooking], *, known_domains: Collection[str], usual: Mapping[UUID, int]
) -> dict[UUID, list[Sign]]:
    """Return the Signs of each booking that has any; ``usual`` has each location's bookings of a usual day."""
    bookings = sorted(bookings, key=lambda booking: booking.created_at)
    signs = defaultdict(list)
    groups = [
        ("network", MIN_OF_NETWORK, _group(bookings, lambda booking: (booking.network, booking.network[:6]))),
        ("network_48", MIN_OF_WIDE_NETWORK, _group_wide(bookings)),
        ("domain", MIN_OF_DOMAIN, _group(bookings, lambda booking: _name_domain(booking.email, known_domains))),
        ("counted", MIN_COUNTED_UP, _group(bookings, lambda booking: _name_counted(booking.email))),
        ("plus", MIN_PLUS, _group(bookings, lambda booking: _name_plus(booking.email))),
        ("burst", 1, _group_bursts(bookings, usual)),
    ]
    for kind, minimum, members in groups:
        for (key, label), ids in members.items():
            if len(ids) >= minimum:
                for id in ids:
                    signs[id].append(Sign(kind, key, label, len(ids)))
    return dict(signs)


def _group(bookings, name):
    """Return the ids of the bookings by what ``name`` gives each: a key and a label, or None."""
    groups = defaultdict(list)
    for booking in bookings:
        if named := name(booking):
            groups[named].append(booking.id)
    return groups


def _group_wide(bookings):
    """Group by the /48 of IPv6 where that says more than the network alone."""
    wide = [booking for booking in bookings if booking.network_48]
    networks = Counter(network_48 for _, network_48 in {(booking.network, booking.network_48) for booking in wide})
    wide = [booking for booking in wide if networks[booking.network_48] > 1]
    return _group(wide, lambda booking: (booking.network_48, booking.network_48[:6]))


def _get_domain(email):
    return email.rpartition("@")[2]


def _name_domain(email, known_domains):
    domain = _get_domain(email)
    return (domain, f"@{domain}") if domain and domain not in known_domains else None


def _name_counted(email):
    """Return what bot1@ and bot2@ of a domain have in common."""
    local, _, domain = email.rpartition("@")
    stem = COUNTER.sub("", local.partition("+")[0])
    pattern = f"{stem}…@{domain}"
    return (pattern, pattern) if stem and COUNTER.search(local.partition("+")[0]) else None


def _name_plus(email):
    """Return the mailbox of an address with a plus."""
    local, plus, _ = email.partition("+")
    pattern = f"{local}+…@{_get_domain(email)}"
    return (pattern, pattern) if plus else None


def _group_bursts(bookings, usual):
    """Group those of a location that stand so close together that a usual day never has as many."""
    bursts = {}
    places = defaultdict(list)
    for booking in bookings:
        places[booking.location_id].append(booking)
    for location_id, placed in places.items():
        minimum = max(MIN_OF_BURST, -(-BURST_FACTOR * usual.get(location_id, 0) // BURSTS_OF_A_DAY))
        for burst in _find_bursts(placed, minimum):
            first, last = burst[0].created_at, burst[-1].created_at
            key = f"{location_id} {first:%Y-%m-%dT%H:%M:%S}"
            bursts[key, f"{first:%a %H:%M}–{last:%H:%M}"] = [booking.id for booking in burst]
    return bursts


def _find_bursts(bookings, minimum):
    """Yield the longest runs of bookings, ordered by time, of which any ``minimum`` neighbours are within BURST."""
    run, until = [], 0  # until: the index behind the run's last booking
    for start in range(len(bookings) - minimum + 1):
        if bookings[start + minimum - 1].created_at - bookings[start].created_at > BURST:
            continue
        if run and start >= until:
            yield run
            run = []
        run += bookings[max(start, until) : start + minimum]
        until = start + minimum
    if run:
        yield run
