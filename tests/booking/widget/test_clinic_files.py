"""The clinic's pictures, colour and manifest, and where its pages show them."""

from io import BytesIO

import pytest

from booking.models import Branding
from scheduling.lib.pictures import encode_face, encode_logo
from scheduling.models.images import ImageFile, store_image
from tests.pictures import make_picture

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def branding(db):
    """Tidewater Clinic, in blue and with a logo."""
    logo = store_image(encode_logo(BytesIO(make_picture(400, 100))))
    return Branding.objects.create(
        clinic_name="Tidewater Clinic",
        description="Physiotherapy by the sea.",
        accent="#1d4ed8",
        logo=logo,
        phone="+442079460001",
    )


@pytest.fixture
def face(db):
    return store_image(encode_face(BytesIO(make_picture())))


def test_picture_is_kept_for_ever_by_whoever_has_it(client, face, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = client.get(face.get_path(96))

    assert response.content == bytes(face.files.first().content)
    headers = ("Content-Type", "Cache-Control", "X-Content-Type-Options", "Cross-Origin-Resource-Policy")
    assert [response[name] for name in headers] == ["image/webp", FOR_EVER, "nosniff", "cross-origin"]
    assert "Vary" not in response
    assert not response.cookies


def test_unknown_picture_is_404_and_nothing_is_posted_to_one(client, face):
    known = face.get_path(96)

    assert client.get(f"/images/{'0' * 32}.webp").status_code == 404
    assert client.get("/images/../settings.py").status_code == 404
    assert client.post(known).status_code == 405


def test_picture_of_a_deleted_image_is_gone(client, face):
    face.delete()

    assert client.get(face.get_path(96)).status_code == 404
    assert not ImageFile.objects.exists()


def test_pages_show_the_clinics_name_logo_and_colour(client, consultation, branding):
    page = client.get("/").content.decode()
    stylesheet = client.get(branding.stylesheet_path)

    logo = branding.logo.sizes[0]["name"]
    assert f'<img class="logo" src="/images/{logo}" width="160" height="40" alt="Tidewater Clinic">' in page
    assert f'<link rel="stylesheet" href="{branding.stylesheet_path}">' in page
    assert '<meta name="description" content="Physiotherapy by the sea.">' in page
    assert "– Tidewater Clinic</title>" in page
    assert "--accent:#1d4ed8" in stylesheet.text
    assert (stylesheet["Content-Type"], stylesheet["Cache-Control"]) == ("text/css; charset=utf-8", FOR_EVER)


def test_clinic_without_branding_has_the_settings_name_and_our_colour(client, consultation):
    page = client.get("/").content.decode()

    assert "– Harbour Clinic</title>" in page
    assert "/brand/" not in page


def test_stylesheet_of_another_release_is_not_kept_and_of_a_pale_colour_not_there(client):
    assert client.get("/brand/1d4ed8.00000000.css")["Cache-Control"] == "no-cache"
    assert client.get("/brand/ffd400.00000000.css").status_code == 404


def test_manifest_names_the_clinic_and_its_icons(client, branding):
    response = client.get("/manifest.webmanifest")

    assert response["Content-Type"] == "application/manifest+json"
    assert response.json() == {
        "name": "Tidewater Clinic",
        "short_name": "Tidewater Clinic",
        "description": "Physiotherapy by the sea.",
        "start_url": "/",
        "display": "minimal-ui",
        "background_color": "#f5f7f6",
        "theme_color": "#1d4ed8",
        "icons": [
            {"src": branding.get_icon_path(192), "sizes": "192x192", "type": "image/png"},
            {"src": branding.get_icon_path(512), "sizes": "512x512", "type": "image/png"},
        ],
    }
    assert client.get(branding.get_icon_path(512))["Content-Type"] == "image/png"


def test_manifest_without_a_logo_has_our_icons(client, db):
    icons = client.get("/manifest.webmanifest").json()["icons"]

    assert [icon["src"] for icon in icons] == ["/static/widget/icon-192.png", "/static/widget/icon-512.png"]


def test_page_of_a_mistake_wears_the_clinics_clothes_without_asking_the_database(
    client, branding, consultation, django_assert_num_queries
):
    client.get("/")
    with django_assert_num_queries(0):
        page = client.get("/nowhere/").content.decode()

    assert "– Tidewater Clinic</title>" in page
    assert branding.stylesheet_path in page
    assert branding.logo.sizes[0]["name"] in page
