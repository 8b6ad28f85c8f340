"""The language of a page: what its address names, else what its reader's browser asks for."""

import re

import pytest
from django.urls import get_script_prefix, reverse
from django.utils import translation

from booking.api.dialects.problem_writers import WRITERS
from booking.models import Appointment
from booking.ops import middleware
from booking.ops.languages import ENGLISH
from scheduling.lib.languages import choose_language, use_language
from scheduling.models import Service
from tests.outbox import run_what_is_due


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
    assert {link for link in links if not re.match("/(static|manifest|ar|en|de|fr)[./]", link)} == set()
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


@pytest.mark.parametrize(
    ("path", "accepted", "language"),
    [("/de", "", "de"), ("", "fr-CA", "fr"), ("/en", "fr", "en-gb"), ("", "en", ""), ("", "", ""), ("", "nl", "")],
)
def test_appointment_keeps_the_language_it_was_booked_in(client, held, typed, path, accepted, language):
    response = client.post(f"{path}/hold/{held.token}/confirm", typed, headers={"Accept-Language": accepted})

    assert response["Location"] == f"{path}/hold/{held.token}/done"
    assert Appointment.objects.get().language == language


def test_mail_is_in_the_language_of_its_appointment_and_so_are_its_links(client, held, typed, mailoutbox, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    Service.objects.update(translations={"de": {"name": "Beratung"}})
    client.post(f"/de/hold/{held.token}/confirm", typed)

    run_what_is_due()

    [mail] = mailoutbox
    [(html, _), (invitation, _)] = mail.alternatives
    assert mail.subject.startswith("Ihr Termin bei Harbour Clinic, ")
    assert "Beratung bei Dana Reed" in mail.body
    assert "https://booking.clinic.example/de/appointment/" in mail.body
    assert '<html lang="de" dir="ltr">' in html
    assert "SUMMARY:Beratung bei Harbour Clinic" in invitation
    assert get_script_prefix() == "/"


def test_mail_in_arabic_runs_from_right_to_left_but_for_its_phone_number(client, held, typed, mailoutbox):
    client.post(f"/ar/hold/{held.token}/confirm", typed)

    run_what_is_due()

    [mail] = mailoutbox
    assert mail.subject.startswith("موعدك لدى Harbour Clinic، ")
    assert "\u2066+44 20 7946 0000\u2069" in mail.body
    assert '<html lang="ar" dir="rtl">' in mail.alternatives[0][0]


def test_language_that_is_spoken_no_more_gives_way_to_the_clinics_own(settings):
    settings.PATIENT_LANGUAGES = ["fr", "en-gb"]

    for language in ("de", ""):
        with use_language(language):
            assert (translation.get_language(), reverse("widget:services")) == ("fr", "/")
    with use_language("en-gb"):
        assert reverse("widget:services") == "/en/"


def test_birth_date_is_typed_with_the_name_of_a_month_in_any_language(client, held, typed):
    for path, month in (("/de", "März"), ("/fr", "mars"), ("/ar", "مارس"), ("", "March")):
        response = client.post(f"{path}/hold/{held.token}/check", typed | {"date_of_birth_month": month})
        assert response.status_code == 200, month
