"""The API's lower bound: bare Django views of one SQL statement each, without Holdfast's code."""

import json

from django.db import connection
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from tests.bench.best_sql import OPENINGS_AS_JSON


def availability(request):
    """Return the same openings as the API, by one multirange statement that builds the JSON."""
    with connection.cursor() as cursor:
        cursor.execute(OPENINGS_AS_JSON, request.GET.dict())
        return HttpResponse(cursor.fetchone()[0], content_type="application/json")


PLACE = """
    INSERT INTO scheduling_slot (clinician_id, location_id, period, taken_at, expires_at)
    VALUES (%(clinician_id)s, %(location_id)s, tstzrange(%(start_time)s, %(end_time)s), now(),
            now() + interval '15 minutes')
        ON CONFLICT DO NOTHING RETURNING id
"""
CONFIRM = "UPDATE scheduling_slot SET expires_at = NULL WHERE id = %s AND expires_at > now()"


@csrf_exempt
def place(request):
    """Insert a slot, or answer 409 where one is in the way."""
    with connection.cursor() as cursor:
        cursor.execute(PLACE, json.loads(request.body))
        row = cursor.fetchone()
        written = json.dumps({"id": row and row[0]})
        return HttpResponse(written, content_type="application/json", status=200 if row else 409)


@csrf_exempt
def confirm(request, id):
    """Clear the expiry of a slot."""
    with connection.cursor() as cursor:
        cursor.execute(CONFIRM, [id])
        return HttpResponse(json.dumps({"confirmed": cursor.rowcount}), content_type="application/json")


urlpatterns = [path("availability", availability), path("place", place), path("confirm/<int:id>", confirm)]
