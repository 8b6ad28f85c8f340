"""What other systems and open pages ask again and again: what has happened, and whether anything has."""

from datetime import timedelta
from functools import partial

from django.db import connection
from django.utils import timezone

from booking.domain.event_feed import Position, read_feed
from booking.domain.locations import get_location_version
from booking.models import Event
from booking.models.enums import ANNOUNCED_KINDS
from scheduling.models import Location

NUMBER = 1_000_000

# An event a minute, half of them at one location.
EVENTS = """
    INSERT INTO booking_event
           (kind, subject_type, subject_id, location_id, sequence, created_at, actor, from_status, to_status, data,
            announcement, transaction_id)
    SELECT CASE n %% 3 WHEN 0 THEN 'hold.placed' WHEN 1 THEN 'hold.confirmed' ELSE 'appointment.created' END,
           'booking', gen_random_uuid(), CASE n %% 2 WHEN 0 THEN %(location)s::uuid ELSE gen_random_uuid() END, 1,
           now() - (%(number)s - n) * interval '1 minute', 'patient', '', 'confirmed', '{}',
           CASE WHEN n %% 3 <> 1 THEN jsonb_build_object('id', gen_random_uuid(), 'status', 'confirmed') END,
           (1 + n / (%(number)s / 600))::text::xid8
      FROM generate_series(1, %(number)s) AS n
"""


def make_measures():
    """Add a million events and return the measures of reading them."""
    location = Location.objects.all()[0]
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, {"number": NUMBER, "location": location.pk})
        cursor.execute("VACUUM ANALYZE booking_event")
    everything, middle = {"kinds": ANNOUNCED_KINDS, "limit": 50}, Event.objects.order_by("id")[NUMBER // 2]
    cursor = Position(middle.transaction_id, middle.pk, middle.created_at)
    end = read_feed(Position(since=timezone.now() - timedelta(minutes=5)), **everything).position
    return {
        "has anything changed there?": partial(get_location_version, location.pk),
        "50 events of the feed": partial(read_feed, cursor, **everything),
        "none, at its end": partial(read_feed, end, **everything),
        "50 since an hour ago": partial(read_feed, Position(since=timezone.now() - timedelta(hours=1)), **everything),
        "50 since a year ago": partial(read_feed, Position(since=timezone.now() - timedelta(days=365)), **everything),
    }
