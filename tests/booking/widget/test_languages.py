"""The language of a page: what its address names, else what its reader's browser asks for."""

import re

import pytest
from django.urls import get_script_prefix, reverse
from django.utils import translation

from booking.api.dialects.problem_writers import WRITERS
from booking.ops import middleware
from booking.ops.languages import ENGLISH
from scheduling.lib.languages import choose_language


def get_language_of_page(response):
    return re.search('<html lang="([a-z-]+)" dir="([a-z]+)">', response.content.decode()).groups()


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "en-gb"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en-gb"),
        ("nl, fr-CA;q=0.5, de;q=0.4", "fr"),
        ("ar-EG", "ar"),
        ("nl", "en-gb"),
        ("*", "en-gb"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("\u202e;;q=x,,-", "en-gb"),
        ("x" * 5000, "en-gb"),
    ],
)
def test_choose_language_takes_the_best_that_is_spoken(header, chosen):
    assert choose_language(header) == chosen


def test_choose_language_without_a_match_takes_the_clinics_own(settings):
    settings.PATIENT_LANGUAGES = ["fr", "de"]

    assert [choose_language(header) for header in ("en", "ar", "de-CH")] == ["fr", "fr", "de"]


def test_page_in_a_language_its_address_names_keeps_it_in_all_links(client, dana):
    response = client.get("/ar/", headers={"Accept-Language": "de"})

    assert response.status_code == 200
    assert get_language_of_page(response) == ("ar", "rtl")
    assert response["Content-Language"] == "ar"
    assert "Accept-Language" not in response.get("Vary", "")
    links = set(re.findall('(?:href|action)="(/[^"]*)"', response.content.decode()))
    assert {link for link in links if not re.match("/(static|ar|en|de|fr)/", link)} == set()
    assert "/ar/book/consultation/" in links


def test_page_whose_address_names_no_language_is_in_the_browsers(client, dana):
    response = client.get("/", headers={"Accept-Language": "de"})

    assert get_language_of_page(response) == ("de", "ltr")
    assert "Accept-Language" in response["Vary"]
    assert 'href="/book/consultation/"' in response.content.decode()


def test_language_of_a_page_ends_with_its_request(client, consultation):
    before = translation.get_language()

    client.get("/ar/")

    assert translation.get_language() == before
    assert get_script_prefix() == "/"
    assert reverse("widget:services") == "/"


@pytest.mark.parametrize("path", ["/de/admin/", "/de/api/v1/services", "/de/static/palette.css", "/es/", "/de/nothing"])
def test_language_before_what_has_none_is_404(client, db, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/services", "/problems/", "/static/palette.css"])
def test_what_is_not_for_patients_is_in_english(client, db, path):
    response = client.get(path, headers={"Accept-Language": "ar"}, follow=True)

    assert "Content-Language" not in response
    assert "Accept-Language" not in response.get("Vary", "")
    assert 'dir="rtl"' not in "".join(map(str, response))


def test_every_dialect_is_in_english():
    assert [name for name in WRITERS if not ENGLISH.match(f"/{name}/")] == []


def test_admin_path_is_without_language_whoever_asks_first(client, db):
    middleware.get_admin_path.cache_clear()

    client.get("/de/")

    assert middleware.get_admin_path() == "/admin/"


def test_language_switch_keeps_address_and_query(client, consultation, day):
    html = client.get("/de/book/consultation/", {"day": day, "where": "video"}).content.decode()

    for element, language in {"en": "en-gb", "de": "de", "fr": "fr", "ar": "ar"}.items():
        address = f"/{element}/book/consultation/?day={day}&amp;where=video"
        assert f'<a href="{address}" hreflang="{language}"' in html


def test_language_switch_where_the_clinic_speaks_one_is_not_there(client, settings, consultation):
    settings.PATIENT_LANGUAGES = ["en-gb"]

    html = client.get("/").content.decode()

    assert "hreflang" not in html
    assert 'class="languages"' not in html


def test_language_switch_of_a_refused_time_leads_to_the_times(client, dana, day):
    posted = {"opening": "x", "day": day, "where": "video"}

    response = client.post("/book/consultation/hold", posted)

    assert response.status_code == 400
    assert f'href="/de/book/consultation/?day={day}&amp;where=video" hreflang="de"' in response.content.decode()


def test_language_switch_of_the_details_takes_what_is_typed_along(client, held, typed):
    for path, again in (("", ""), ("check", "check")):
        html = client.post(f"/hold/{held.token}/{path}", typed).content.decode()
        assert f'<button form="details" formmethod="post" formaction="/de/hold/{held.token}/{again}"' in html

    html = client.post(f"/de/hold/{held.token}/", typed).content.decode()
    assert 'lang="de"' in html
    assert f'value="{typed["first_name"]}"' in html


def test_search_engines_are_told_a_pages_addresses_by_language_but_none_of_a_token(client, consultation, held):
    html = client.get("/de/book/consultation/?hold=abc").content.decode()

    assert re.findall('<link rel="(?:alternate|canonical)"[^>]*>', html) == [
        '<link rel="canonical" href="http://testserver/de/book/consultation/">',
        '<link rel="alternate" hreflang="x-default" href="http://testserver/book/consultation/">',
        '<link rel="alternate" hreflang="en-gb" href="http://testserver/en/book/consultation/">',
        '<link rel="alternate" hreflang="de" href="http://testserver/de/book/consultation/">',
        '<link rel="alternate" hreflang="fr" href="http://testserver/fr/book/consultation/">',
        '<link rel="alternate" hreflang="ar" href="http://testserver/ar/book/consultation/">',
    ]
    assert 'rel="canonical"' not in client.get(f"/de/hold/{held.token}/").content.decode()
