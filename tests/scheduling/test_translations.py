"""A clinic's own texts in the languages that patients can choose."""

import pytest
from django.utils import translation

from scheduling.models import Service


@pytest.mark.parametrize(
    ("language", "name"), [("de", "Beratung"), *((other, "Consultation") for other in ("fr", "ar", "en-gb"))]
)
def test_translate_returns_the_active_languages_text_or_the_first_one(language, name):
    service = Service(name="Consultation", translations={"de": {"name": "Beratung"}, "fr": {"name": ""}})

    with translation.override(language):
        assert service.translate("name") == name
