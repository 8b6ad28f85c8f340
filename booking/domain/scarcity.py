"""Booking online as a scarce thing: how much is confirmed at once, and from where on a visitor has to prove something.

A visitor is whoever holds a hold's token. Limits of networks decide when a time is held, those of persons only when it
is confirmed, so that what is offered can be held and what is held can be confirmed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from booking.access.email_addresses import get_email_id
from booking.access.proof_of_work import get_price, spend_proof
from booking.domain.counting import lock_counts
from booking.models import Appointment, Hold, Networks
from scheduling.models import Location, Service

Verification = Appointment.Verification

VERIFY_WITHIN = timedelta(minutes=60)  # of booking: then a time is free again


@dataclass(frozen=True)
class Visitor:
    """Where an anonymous person has come from, and what they show.

    ``page`` is the site they book on, ``verified_email`` the pseudonym of the address whose mailed link they have
    pressed, ``proof_of_work`` what their browser has computed. ``can_work`` says that it would have computed one if it
    had been asked to: only others may hold some without.
    """

    networks: Networks
    page: str = ""
    verified_email: str = ""
    proof_of_work: str = ""
    can_work: bool = False


class NeedsProof(Exception):
    """Many people book from the visitor's network: only who proves something can hold a time, or confirm it.

    ``price`` is what a proof of work costs, or None where only the link that is sent to an e-mail address will do.
    ``retry_after`` is in seconds: the network's next day.
    """

    message = _("Many people are booking from where you are.")

    def __init__(self, service: Service, *, retry_after: int, price: int | None = None) -> None:
        self.service, self.retry_after, self.price = service, retry_after, price
        super().__init__(f"price: {price}")


class Usage(NamedTuple):
    """What a network has taken today: confirmed at once or about to be, held beyond that, and the time of all of it.

    Of its wider networks a half and a quarter count, if that is more.
    """

    at_once: int
    beyond: int
    held: timedelta
    is_calm: bool


# By hand: every hold of a visitor runs it. What is confirmed has kept nobody from a time; what still waits for its
# link has, and what is held now may wait for it: or many would be held at once, and then booked to wait longer.
COUNT = """
    SELECT greatest(count(*) FILTER (WHERE is_at_once AND network = %(network)s),
                    count(*) FILTER (WHERE is_at_once AND network_56 = %(network_56)s) / 2,
                    count(*) FILTER (WHERE is_at_once) / 4),
           greatest(count(*) FILTER (WHERE must_verify AND network = %(network)s),
                    count(*) FILTER (WHERE must_verify AND network_56 = %(network_56)s) / 2,
                    count(*) FILTER (WHERE must_verify) / 4),
           coalesce(greatest(sum(held) FILTER (WHERE network = %(network)s),
                             sum(held) FILTER (WHERE network_56 = %(network_56)s) / 2,
                             sum(held) / 4), interval '0'),
           (SELECT count(*) FROM booking_hold
             WHERE location_id = %(location)s AND network <> '' AND created_at >= %(midnight)s AND NOT must_verify
               AND (status = 'confirmed' OR status = 'active' AND expires_at > %(now)s))
           < greatest(%(floor)s::bigint, %(factor)s::bigint * (SELECT bookings_per_day FROM booking_locationactivity
                                                                WHERE location_id = %(location)s))
      FROM (SELECT hold.network, hold.network_56, hold.must_verify,
                   NOT hold.must_verify AND (hold.status = 'confirmed'
                                             OR hold.status = 'active' AND hold.expires_at > %(now)s) AS is_at_once,
                   CASE WHEN hold.status = 'released' THEN hold.updated_at
                        WHEN hold.status = 'active' AND hold.expires_at > %(now)s AND must_verify
                        THEN hold.expires_at + %(verify_within)s
                        WHEN hold.status <> 'confirmed' THEN hold.expires_at
                        WHEN appointment.verification NOT IN ('required', 'required_quietly') THEN NULL
                        WHEN appointment.status = 'cancelled' THEN least(appointment.updated_at, answer_by)
                        ELSE answer_by
                   END - hold.created_at AS held
              FROM booking_hold AS hold LEFT JOIN booking_appointment AS appointment ON appointment.id = hold.id
             WHERE hold.{widest} = %(widest)s AND hold.created_at >= %(midnight)s AND hold.verified_email = '') AS today
"""
COUNT_IPV4, COUNT_IPV6 = COUNT.format(widest="network"), COUNT.format(widest="network_48")


def admit(hold: Hold, visitor: Visitor, *, now: datetime) -> bool:
    """Return whether what comes of an unsaved hold must be verified; raise NeedsProof where it cannot be had so.

    The time must have been taken, so that the clinician is locked.
    """
    if visitor.verified_email:  # counts against no network, and is free of this for that address alone
        return True
    usage = count_usage(visitor.networks, hold.location, now=now)
    length, longest = hold.expires_at - now, timedelta(hours=settings.ONLINE_HELD_HOURS_PER_NETWORK)
    retry_after = get_seconds_left(hold.location, now)
    if usage.held + length > longest:
        raise NeedsProof(hold.service, retry_after=retry_after)
    if usage.is_calm and usage.at_once < settings.ONLINE_BOOKINGS_PER_NETWORK:
        return False
    price = get_price(usage.beyond + 1)
    if spend_proof(visitor.proof_of_work, visitor.networks.network, price=price):
        return True
    if visitor.proof_of_work or visitor.can_work or usage.held + length > longest / 4:
        raise NeedsProof(hold.service, retry_after=retry_after, price=price)
    return True


def must_be_verified_there(hold: Hold, *, now: datetime) -> bool:
    """Return whether what comes of a hold that moves to another location must be verified.

    It takes its place among what that location confirms at once, or finds none. Call it under the hold's lock.
    """
    if hold.must_verify or not hold.network:
        return hold.must_verify
    networks = Networks(hold.network, hold.network_56, hold.network_48)
    return not count_usage(networks, hold.location, now=now).is_calm


def count_usage(networks: Networks, location: Location, *, now: datetime) -> Usage:
    """Return what the networks have taken today, which nobody else changes before the transaction ends."""
    lock_counts(*(f"online from {network}" for network in networks if network), f"online at {location.pk}")
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT_IPV6 if networks.network_48 else COUNT_IPV4,
            {  # pyright: ignore[reportArgumentType]
                **networks._asdict(),
                "widest": networks.network_48 or networks.network,
                "location": location.pk,
                "now": now,
                "verify_within": VERIFY_WITHIN,
                "midnight": get_midnight(location, now),
                "floor": settings.ONLINE_BOOKINGS_FLOOR,
                "factor": settings.ONLINE_BOOKINGS_FACTOR,
            },
        )
        return Usage(*cursor.fetchall()[0])


def get_midnight(location: Location, now: datetime, *, days: int = 0) -> datetime:
    """Return when the location's day began, or begins ``days`` later."""
    return datetime.combine(now.astimezone(location.zone).date() + timedelta(days), time(), location.zone)


def get_seconds_left(location: Location, now: datetime) -> int:
    """Return the seconds until the location's next day."""
    return int(get_midnight(location, now, days=1).timestamp() - now.timestamp()) + 1


def can_be_held_longer(hold: Hold, until: datetime, *, now: datetime) -> bool:
    """Return whether the hours that the hold's network may hold today allow for it; call it under the hold's lock."""
    if not hold.network or hold.verified_email:
        return True
    networks = Networks(hold.network, hold.network_56, hold.network_48)
    held = count_usage(networks, hold.location, now=now).held
    return held + (until - hold.expires_at) <= timedelta(hours=settings.ONLINE_HELD_HOURS_PER_NETWORK)


# Persons


def get_verification(hold: Hold, attendee: Mapping[str, str]) -> str:
    """Return the Appointment.Verification of what is confirmed of a hold, before the visits of who comes are counted.

    ``attendee`` has their "email".
    """
    if not hold.network and not hold.verified_email:
        return Verification.NOT_NEEDED
    if hold.verified_email and hold.verified_email == get_email_id(attendee["email"]):
        return Verification.VERIFIED
    return Verification.REQUIRED if hold.must_verify else Verification.WAIVED


def check_email(hold: Hold, attendee: Mapping[str, str], verification: str, *, now: datetime) -> None:
    """Raise NeedsProof where what is confirmed of a hold must be verified and there is no address to send a link to."""
    if verification == Verification.REQUIRED and not attendee["email"]:
        raise NeedsProof(hold.service, retry_after=get_seconds_left(hold.location, now))


COUNT_VISITS = """
    SELECT greatest(count(*) FILTER (WHERE patient_id = %(patient)s),
                    count(*) FILTER (WHERE upper(attendee_email) = upper(%(email)s)),
                    count(*) FILTER (WHERE attendee_phone = %(phone)s))
      FROM booking_appointment
     WHERE (patient_id = %(patient)s OR upper(attendee_email) = upper(%(email)s) OR attendee_phone = %(phone)s)
       AND status = ANY(%(statuses)s) AND starts_at > %(now)s AND (status <> 'pending' OR answer_by > %(now)s)
"""


def lock_contacts(attendee: Mapping[str, str]) -> None:
    """Wait until nobody else books for that e-mail address or phone number; before the patient is locked."""
    lock_counts(*(f"visits of {attendee[name].lower()}" for name in ("email", "phone") if attendee[name]))


def has_many_visits(patient_id: UUID, attendee: Mapping[str, str], *, now: datetime, is_proven: bool) -> bool:
    """Return whether as many visits are to come as may be booked without a link, of the person, the e-mail or phone.

    The visits of an address that ``is_proven`` do not count; nor do those of the phone of who books for another: a
    family shares it. Call it behind lock_contacts and the patient's lock.
    """
    is_shared = is_proven and attendee.get("contact_name")
    parameters = {
        "patient": patient_id,
        "email": None if is_proven else attendee["email"] or None,
        "phone": None if is_shared else attendee["phone"] or None,
        "statuses": Appointment.STANDING,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_VISITS, parameters)  # pyright: ignore[reportArgumentType]
        return cursor.fetchall()[0][0] >= settings.ONLINE_VISITS_PER_PERSON
