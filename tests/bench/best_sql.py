"""The same openings by the best single SQL statement we know: multiranges, in the database alone."""

OPENINGS = """
WITH work AS (
    SELECT hours.clinician_id, range_agg(tstzrange(
               (day + hours.start_time) AT TIME ZONE location.timezone,
               (day + hours.end_time) AT TIME ZONE location.timezone)) AS spells
      FROM scheduling_workinghours AS hours
      JOIN scheduling_location AS location ON location.id = hours.location_id
      JOIN scheduling_clinician_services AS offers
           ON offers.clinician_id = hours.clinician_id AND offers.service_id = %(service)s
      JOIN generate_series(%(start)s::date, %(end)s::date, interval '1 day') AS day
           ON extract(isodow FROM day) - 1 = hours.weekday
     WHERE hours.clinician_id = ANY(%(clinicians)s)
     GROUP BY hours.clinician_id
), busy AS (
    SELECT who.id AS clinician_id, range_agg(slot.period) AS spells
      FROM unnest(%(clinicians)s::uuid[]) AS who(id)
     CROSS JOIN LATERAL (
           SELECT period FROM scheduling_slot
            WHERE clinician_id = who.id AND upper(period) > %(start)s
              AND upper(period) < %(end)s + interval '1 day' AND lower(period) < %(end)s
              AND (expires_at IS NULL OR expires_at > %(now)s)) AS slot
     GROUP BY who.id
)
SELECT date_part('epoch', start)::bigint, date_part('epoch', start)::bigint + 1800, clinician_id
  FROM work LEFT JOIN busy USING (clinician_id),
       unnest(work.spells - coalesce(busy.spells, '{}')) AS gap,
       generate_series(lower(gap), upper(gap) - interval '30 minutes', interval '30 minutes') AS start
 WHERE start >= %(start)s AND start < %(end)s
 ORDER BY start
"""
