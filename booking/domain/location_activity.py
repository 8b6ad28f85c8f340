"""How many online bookings a day are usual at a location: what is far more is not calm."""

from django.db import connection

# Today is not over. What staff cancelled as unusual, and what nobody verified in time, never was a visit: it must not
# make the next attack look usual. The median, since two loud days are no habit either.
COUNT = """
    INSERT INTO booking_locationactivity (location_id, bookings_per_day, counted_at)
    SELECT location.id, ceil(percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(booked.number, 0))), now()
      FROM scheduling_location AS location
     CROSS JOIN generate_series(1, 28) AS days_ago
      LEFT JOIN (SELECT location.id AS location_id,
                        (appointment.created_at AT TIME ZONE location.timezone)::date AS day,
                        count(*) AS number
                   FROM booking_appointment AS appointment
                   JOIN scheduling_location AS location ON location.id = appointment.location_id
                  WHERE appointment.created_at > now() - interval '30 days'
                    AND appointment.verification IN ('waived', 'verified', 'checked')
                    AND appointment.cancellation_reason <> 'unusual'
                  GROUP BY 1, 2) AS booked
        ON booked.location_id = location.id
       AND booked.day = (now() AT TIME ZONE location.timezone)::date - days_ago
     GROUP BY location.id
        ON CONFLICT (location_id) DO UPDATE
       SET bookings_per_day = EXCLUDED.bookings_per_day, counted_at = EXCLUDED.counted_at
"""


def count_activity() -> None:
    """Write down the median of each location's daily online bookings in the last four weeks, by its local days."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT)
