"""Managers write a clinic's own texts in the languages that patients can choose."""

import re

import pytest

from scheduling.models import Service
from tests.booking.admin.pages import get_text, url


@pytest.fixture
def page(consultation):
    return url("scheduling_service", "change", consultation.pk)


def get_inputs(browser, page):
    """Return the form of a page of admin as it would be posted unchanged."""
    form = browser.get(page).context["adminform"].form
    return {
        field.name: value
        for field in form
        if (value := field.field.prepare_value(field.value())) not in (None, "") and value is not False
    }


def test_manager_writes_a_services_texts_in_other_languages(morgan, consultation, page):
    shown = get_text(morgan.get(page))
    assert [name for name in ("In German", "In French", "In Arabic", "In English") if name in shown] == [
        "In German",
        "In French",
        "In Arabic",
    ]

    inputs = get_inputs(morgan, page) | {"name_de": "Beratung", "name_ar": "استشارة"}
    response = morgan.post(page, inputs)

    assert response.status_code == 302, response.context["adminform"].form.errors
    consultation.refresh_from_db()
    assert consultation.translations == {"de": {"name": "Beratung"}, "ar": {"name": "استشارة"}}
    assert consultation.name == "Consultation"
    html = morgan.get(page).content.decode()
    assert re.search('<input type="text" name="name_ar" value="استشارة"[^>]* lang="ar" dir="rtl"', html)


def test_text_in_a_language_that_cannot_be_chosen_any_more_stays(morgan, consultation, page, settings):
    Service.objects.update(translations={"de": {"name": "Beratung"}, "fr": {"name": "Entretien"}})
    settings.PATIENT_LANGUAGES = ["en-gb", "de"]

    morgan.post(page, get_inputs(morgan, page) | {"name_de": ""})

    consultation.refresh_from_db()
    assert consultation.translations == {"fr": {"name": "Entretien"}}


def test_forms_of_new_clinicians_and_locations_have_other_languages(morgan, db):
    for model in ("clinician", "location", "service"):
        assert "In Arabic" in get_text(morgan.get(url(f"scheduling_{model}", "add")))


def test_clinic_of_one_language_sees_no_others(morgan, page, settings):
    settings.PATIENT_LANGUAGES = ["de"]

    assert "In German" not in get_text(morgan.get(page))


def test_staff_who_may_only_look_see_the_first_texts(erin, page):
    response = erin.get(page)

    assert response.status_code == 200
    assert "In German" not in get_text(response)
