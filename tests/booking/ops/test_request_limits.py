from io import BytesIO

import pytest
from django.http import HttpResponse
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.urls import include, path

MULTIPART = "multipart/form-data; boundary=line"
UPLOAD = (
    b'--line\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 5_000 + b"\r\n--line--\r\n"
)
PAGES = ["/", "/book/consultation/hold", "/admin/login/", "/admin/patients/patient/add/"]
PROGRAMS = ["/api/v1/holds", "/api/nowhere", "/onsched/v3/appointment", "/junction/v3/order"]


def count_files(request):
    return HttpResponse(len(request.FILES))


def take_files(request):
    return count_files(request)


take_files.takes_files = True

urlpatterns = [path("files/", take_files), path("none/", count_files), path("", include("booking.urls"))]


class Unread(BytesIO):
    """A body that nobody may read."""

    def read(self, *args):
        raise AssertionError("somebody reads the body")

    readline = readlines = __iter__ = read


@pytest.fixture(autouse=True)
def spooled(settings, tmp_path):
    """The folder to which Django writes every upload that it parses."""
    settings.FILE_UPLOAD_TEMP_DIR, settings.FILE_UPLOAD_MAX_MEMORY_SIZE = str(tmp_path), 0
    settings.ROOT_URLCONF = __name__
    return tmp_path


@pytest.fixture
def visitor():
    """Somebody whose forms Django's CSRF check would read."""
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = _get_new_csrf_string()
    return client


def upload(client, path, **extra):
    return client.post(path, UPLOAD, content_type=MULTIPART, **extra)


@pytest.mark.parametrize("path", PAGES + PROGRAMS)
def test_anonymous_multipart_is_415_and_unread(visitor, path, spooled, db):
    response = upload(visitor, path, **{"wsgi.input": Unread()})

    assert response.status_code == (422 if "junction" in path else 415)  # its clients expect that
    assert list(spooled.iterdir()) == []


def test_refused_upload_is_a_problem_to_programs_and_a_page_to_people(visitor, db):
    problem, page = upload(visitor, "/api/v1/holds"), upload(visitor, "/")

    assert (problem["Content-Type"], problem.json()["code"]) == ("application/problem+json", "unsupported-media-type")
    assert "Files cannot be sent here" in page.content.decode()
    assert page["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES + PROGRAMS)
@pytest.mark.parametrize("content_type", [MULTIPART, "application/x-www-form-urlencoded", "application/json"])
def test_body_beyond_the_limit_is_413_and_unread(visitor, path, content_type, settings):
    extra = {"CONTENT_LENGTH": "20000000", "wsgi.input": Unread()}
    response = visitor.post(path, b"x", content_type=content_type, **extra)

    assert response.status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "20 ", "9" * 5000])
def test_length_that_is_no_number_is_413(visitor, length):
    response = visitor.post("/", b"x", content_type="text/plain", CONTENT_LENGTH=length)
    assert response.status_code == 413


@pytest.mark.parametrize(("path", "status"), [("/", 411), ("/api/v1/holds", 411)])
def test_body_without_a_length_is_411_and_unread(visitor, path, status):
    extra = {"CONTENT_LENGTH": "", "wsgi.input": Unread()}
    response = visitor.post(path, b"", content_type="text/plain", headers={"Transfer-Encoding": "chunked"}, **extra)

    assert response.status_code == status


def test_signed_in_staff_may_send_a_file_where_one_is_taken(erin, spooled):
    assert upload(erin, "/files/").content == b"1"
    assert upload(erin, "/none/").status_code == 415
    assert upload(Client(), "/files/").status_code == 415


def test_former_staff_may_send_no_file(erin, spooled):
    erin.user.is_staff = False
    erin.user.save()

    assert upload(erin, "/files/").status_code == 415
    assert list(spooled.iterdir()) == []
