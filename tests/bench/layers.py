"""What the pair costs layer by layer: the bare views of floor.py with more and more around and in them."""

import json

from django.db import connection
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

import booking.urls
from booking.access.api_keys import find_recent_key
from booking.access.rate_limits import counter
from booking.api.answers import Answer
from booking.api.views import ApiView
from tests.bench import floor, whole_rows


def with_key(view):
    """Return a bare view that also looks up the API key and counts its requests."""

    @csrf_exempt
    def wrapped(request, **kwargs):
        key = find_recent_key(request.headers["Authorization"].partition(" ")[2])
        assert not counter().count("key", str(key.holder), key.requests_per_minute).is_exceeded
        return view(request, **kwargs)

    return wrapped


class Layer(ApiView):
    """An endpoint as ours are, but for its permissions, which ask for more of a view than this has."""

    permission_classes = []


class InApiView(Layer):
    """The bare statements inside a view."""

    def post(self, request, id=None):
        with connection.cursor() as cursor:
            if id:
                cursor.execute(floor.CONFIRM, [id])
                return Answer({"confirmed": cursor.rowcount})
            cursor.execute(floor.PLACE, self.data)
            return Answer({"id": cursor.fetchone()[0]})


class AllRows(Layer):
    """All rows and all checks of a pair, in the fewest round trips that the lock allows."""

    def post(self, request, id=None):
        written = whole_rows.confirm(id, self.data) if id else whole_rows.place(self.data)
        return HttpResponse(json.dumps(written), content_type="application/json", status=201)


urlpatterns = [
    path("api/v1/middleware/place", floor.place),
    path("api/v1/middleware/confirm/<id>", floor.confirm),
    path("api/v1/key/place", with_key(floor.place)),
    path("api/v1/key/confirm/<id>", with_key(floor.confirm)),
    path("api/v1/view/place", csrf_exempt(InApiView.as_view())),
    path("api/v1/view/confirm/<id>", csrf_exempt(InApiView.as_view())),
    path("api/v1/rows/place", csrf_exempt(AllRows.as_view())),
    path("api/v1/rows/confirm/<id>", csrf_exempt(AllRows.as_view())),
    *booking.urls.urlpatterns,  # our middleware asks where admin is
]
