"""The same openings by the best single SQL statement known to us, with multiranges."""

STARTS = """
WITH work AS (
    SELECT hours.clinician_id, range_agg(tstzrange(
               (day + hours.start_time) AT TIME ZONE location.timezone,
               (day + hours.end_time) AT TIME ZONE location.timezone)) AS spells
      FROM scheduling_workinghours AS hours
      JOIN scheduling_location AS location ON location.id = hours.location_id
      JOIN scheduling_clinician_services AS offers
           ON offers.clinician_id = hours.clinician_id AND offers.service_id = %(service)s
      JOIN generate_series(%(start)s::timestamptz::date, %(end)s::timestamptz::date, interval '1 day') AS day
           ON extract(isodow FROM day) - 1 = hours.weekday
     GROUP BY hours.clinician_id
), busy AS (
    SELECT who.clinician_id, range_agg(slot.period) AS spells
      FROM scheduling_clinician_services AS who
     CROSS JOIN LATERAL (
           SELECT period FROM scheduling_slot
            WHERE clinician_id = who.clinician_id AND upper(period) > %(start)s::timestamptz
              AND upper(period) < %(end)s::timestamptz + interval '1 day' AND lower(period) < %(end)s::timestamptz
              AND (expires_at IS NULL OR expires_at > %(start)s::timestamptz)) AS slot
     WHERE who.service_id = %(service)s
     GROUP BY who.clinician_id
), starts AS (
    SELECT start, clinician_id
      FROM work LEFT JOIN busy USING (clinician_id),
           unnest(work.spells - coalesce(busy.spells, '{}')) AS gap,
           generate_series(lower(gap), upper(gap) - interval '30 minutes', interval '30 minutes') AS start
     WHERE start >= %(start)s::timestamptz AND start < %(end)s::timestamptz
     ORDER BY start
)
"""

OPENINGS = (
    STARTS
    + """
SELECT date_part('epoch', start)::bigint, date_part('epoch', start)::bigint + 1800, clinician_id FROM starts
"""
)

OPENINGS_AS_JSON = (
    STARTS
    + """
SELECT json_agg(json_build_object(
           'start_time', start, 'end_time', start + interval '30 minutes',
           'clinician_id', clinician_id, 'clinician_name', clinician.name,
           'location_id', location.id, 'location_name', location.name, 'timezone', location.timezone,
           'is_remote', false))::text
  FROM starts JOIN scheduling_clinician AS clinician ON clinician.id = clinician_id, scheduling_location AS location
"""
)
