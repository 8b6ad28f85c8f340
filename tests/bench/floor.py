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


@csrf_exempt
def place(request):
    """Insert a slot."""
    fields = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO scheduling_slot (clinician_id, location_id, period, taken_at, expires_at)
               VALUES (%(clinician)s, %(location)s, tstzrange(%(start)s, %(end)s), now(), now() + interval '15 minutes')
               RETURNING id""",
            fields,
        )
        return HttpResponse(json.dumps({"id": cursor.fetchone()[0]}), content_type="application/json")


@csrf_exempt
def confirm(request, id):
    """Clear the expiry of a slot."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE scheduling_slot SET expires_at = NULL WHERE id = %s AND expires_at > now()", [id])
        return HttpResponse(json.dumps({"confirmed": cursor.rowcount}), content_type="application/json")


urlpatterns = [path("availability", availability), path("place", place), path("confirm/<int:id>", confirm)]
