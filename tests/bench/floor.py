"""What bounds the API: a bare Django view over one SQL statement each, with nothing of Holdfast around it."""

import json

from django.db import connection
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from tests.bench.best_sql import OPENINGS_AS_JSON


def availability(request):
    """The same openings with the same members, by one multirange statement that PostgreSQL writes as JSON."""
    with connection.cursor() as cursor:
        cursor.execute(OPENINGS_AS_JSON, request.GET.dict())
        return HttpResponse(cursor.fetchone()[0], content_type="application/json")


@csrf_exempt
def place(request):
    """An insert."""
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
    """An update."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE scheduling_slot SET expires_at = NULL WHERE id = %s AND expires_at > now()", [id])
        return HttpResponse(json.dumps({"confirmed": cursor.rowcount}), content_type="application/json")


urlpatterns = [path("availability", availability), path("place", place), path("confirm/<int:id>", confirm)]
