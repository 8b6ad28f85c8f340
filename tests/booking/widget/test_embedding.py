"""The patients' pages in a frame of the clinic's sites."""

import base64
import hashlib

import pytest

from booking.models import EmbeddingSite
from booking.models.embedding import recent_sites
from booking.ops.embed_script import FOLDER
from scheduling.models import Location

SITE, OTHER = "https://www.clinic.example", "https://mitte.clinic.example"


def allow(origin, location=None):
    EmbeddingSite.objects.create(origin=origin, location=location)
    recent_sites.forget()


def get_ancestors(response):
    policy = response.headers["Content-Security-Policy"]
    return dict(directive.split(" ", 1) for directive in policy.split("; "))["frame-ancestors"]


def test_listed_site_may_frame_every_page_and_no_other_site(client, consultation, held):
    before = client.get("/")
    assert (get_ancestors(before), before["X-Frame-Options"]) == ("'self'", "SAMEORIGIN")

    allow(SITE)
    for page in ("/", "/book/consultation/", f"/hold/{held.token}/", "/book/unknown/"):
        response = client.get(page)
        assert get_ancestors(response) == f"'self' {SITE}", page
        assert "X-Frame-Options" not in response.headers, page


def test_site_of_one_location_may_frame_the_entry_of_that_location_only(client, consultation, harbour, held):
    mitte = Location.objects.create(name="Mitte")
    allow(OTHER, mitte)

    assert get_ancestors(client.get(f"/?where={mitte.pk}")) == f"'self' {OTHER}"
    assert get_ancestors(client.get(f"/book/consultation/?where={mitte.pk}")) == f"'self' {OTHER}"
    for page in ("/", f"/?where={harbour.pk}", f"/book/consultation/?where={harbour.pk}"):
        response = client.get(page)
        assert (get_ancestors(response), response["X-Frame-Options"]) == ("'self'", "SAMEORIGIN"), page
    # What follows has a token that the frame alone knows.
    assert get_ancestors(client.get(f"/hold/{held.token}/")) == f"'self' {OTHER}"


def test_listed_site_may_frame_pages_that_no_setting_allows(client, db, settings):
    settings.WIDGET_FRAME_ANCESTORS = ["'none'"]
    allow(SITE)
    assert get_ancestors(client.get("/")) == SITE


def test_admin_and_api_are_not_framed_by_listed_sites(client, db):
    allow(SITE)
    assert get_ancestors(client.get("/admin/login/")) == "'none'"
    assert SITE not in get_ancestors(client.get("/api/v1/services"))


def test_newest_script_may_be_read_by_every_site_for_five_minutes(client):
    response = client.get("/embed.js")
    assert response.status_code == 200
    assert {name: response[name] for name in ("Content-Type", "Cache-Control", "Access-Control-Allow-Origin")} == {
        "Content-Type": "text/javascript; charset=utf-8",
        "Cache-Control": "public, max-age=300",
        "Access-Control-Allow-Origin": "*",
    }
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.content == (FOLDER / "embed.js").read_bytes()
    assert len(response.content) <= 2_000


def test_every_version_of_the_script_is_served_for_ever_as_its_name_says(client):
    versions = [path.name.split(".")[1] for path in (FOLDER / "versions").iterdir()]
    for version in versions:
        response = client.get(f"/embed.{version}.js")
        assert hashlib.sha256(response.content).hexdigest()[:16] == version
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    newest = hashlib.sha256((FOLDER / "embed.js").read_bytes()).hexdigest()[:16]
    assert newest in versions, f"copy embed.js to versions/embed.{newest}.js, and keep the others"
    assert client.get("/embed.0123456789abcdef.js").status_code == 404


@pytest.mark.parametrize("language", ["", "de"])
def test_code_for_a_site_names_the_newest_version_with_its_integrity(
    admin_client, consultation, harbour, settings, language
):
    settings.SITE_URL = "https://book.clinic.example"
    query = {"service": "consultation", "location": harbour.pk, "language": language}

    page = admin_client.get("/admin/booking/embeddingsite/code/", query)

    content = (FOLDER / "embed.js").read_bytes()
    version = hashlib.sha256(content).hexdigest()[:16]
    integrity = base64.b64encode(hashlib.sha384(content).digest()).decode()
    start = f'<script src="https://book.clinic.example/embed.{version}.js" integrity="sha384-{integrity}"'
    url = f"https://book.clinic.example/{'de/' if language else ''}book/consultation/?where={harbour.pk}"
    lang, data_lang = (' lang="de"', ' data-lang="de"') if language else ("", "")
    code = page.context["code"]
    assert code == {
        "url": url,
        "script": f'{start} crossorigin="anonymous" async data-service="consultation" data-location="{harbour.pk}"'
        f'{data_lang}></script>\n<noscript><a href="{url}">Book an appointment</a></noscript>',
        "element": f'{start} crossorigin="anonymous" async></script>\n<holdfast-booking service="consultation" '
        f'location="{harbour.pk}"{lang}><a href="{url}">Book an appointment</a></holdfast-booking>',
        "link": f'<a href="{url}">Book an appointment</a>',
    }
    assert page.context["qr_code"].startswith("data:image/svg+xml;base64,")


def test_code_for_a_site_is_for_managers(client, django_user_model, db):
    erin = django_user_model.objects.create_user("erin", is_staff=True)
    client.force_login(erin)
    assert client.get("/admin/booking/embeddingsite/code/").status_code == 403
