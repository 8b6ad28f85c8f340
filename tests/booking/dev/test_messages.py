"""The catalogues in locale/: complete, compiled, and written without GNU gettext."""

import gettext
import re
from functools import cache
from io import BytesIO

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from django.conf import settings

from booking.dev.messages import (
    LOCALE_DIR,
    compile_catalogue,
    extract_messages,
    find_catalogues,
    read_catalogue,
    write_catalogues,
)


def ids(catalogue):
    return {(message.context, message.id) for message in catalogue if message.id}


@cache
def find_ids():
    return ids(extract_messages())


@pytest.mark.parametrize("path", [LOCALE_DIR / "django.pot", *find_catalogues(LOCALE_DIR)], ids=str)
def test_catalogue_has_every_message_of_the_code(path):
    catalogue = read_po(BytesIO(path.read_bytes()))

    assert ids(catalogue) == find_ids(), "Run `make messages`."


@pytest.mark.parametrize("path", find_catalogues(LOCALE_DIR), ids=str)
def test_compiled_catalogue_is_what_its_source_compiles_to(path):
    assert path.with_suffix(".mo").read_bytes() == compile_catalogue(read_catalogue(path)), "Run `make messages`."


def test_extract_messages_finds_every_way_of_marking_a_text():
    found = find_ids()

    assert (None, "That time has just been taken.") in found  # gettext_lazy in Python
    assert (None, ("%(days)s day", "%(days)s days")) in found  # ngettext
    assert ("price", "%(currency)s %(amount)s") in found  # pgettext
    assert (None, "Skip to the content") in found  # {% translate %}
    assert (None, 'Held for you until <time datetime="%(at)s">%(time)s</time>') in found  # {% blocktranslate %}
    assert (None, ("%(count)s free time on %(date)s", "%(count)s free times on %(date)s")) in found  # … count … plural
    assert (None, "Reference: %(reference)s") in found  # an indented text for e-mail
    assert (None, "l j F Y, H:i") in found  # date:_("…")


def test_write_catalogues_adds_a_language_and_keeps_its_translations(tmp_path):
    write_catalogues(tmp_path, languages=["de"])
    [path] = find_catalogues(tmp_path)
    path.write_bytes(
        path.read_bytes().replace(
            b'msgid "Choose a time"\nmsgstr ""', 'msgid "Choose a time"\nmsgstr "Zeit wählen"'.encode()
        )
    )

    write_catalogues(tmp_path, languages=["de"])

    with path.with_suffix(".mo").open("rb") as file:
        german = gettext.GNUTranslations(file)
    assert german.gettext("Choose a time") == "Zeit wählen"
    assert german.gettext("Choose another time") == "Choose another time"  # not translated: it stays English
    assert german.ngettext("%(days)s day", "%(days)s days", 2) == "%(days)s days"


# What the clinic words its own way may be in English; all others are translations.
TRANSLATED = [path for path in find_catalogues(LOCALE_DIR) if path.parent.parent.name != "en_GB"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|</?\w+|https?:")


def list_forms(message):
    """Return the pairs of a text and its translation, for each form of a plural."""
    if isinstance(message.id, str):
        return [(message.id, message.string)]
    singular, plural = message.id
    return [(singular if number == 0 else plural, form) for number, form in enumerate(message.string)]


def test_every_language_of_the_settings_has_a_catalogue():
    languages = {str(Locale.parse(code, sep="-")) for code in settings.PATIENT_LANGUAGES}

    assert languages - {"en_GB"} == {path.parent.parent.name for path in TRANSLATED}


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: path.parent.parent.name)
def test_catalogue_translates_every_message(path):
    catalogue = read_po(BytesIO(path.read_bytes()), locale=path.parent.parent.name)
    messages = [message for message in catalogue if message.id]

    missing = [message.id for message in messages if not all(form for _, form in list_forms(message))]

    assert missing == []
    assert [message.id for message in messages if message.fuzzy] == []
    assert list(catalogue.obsolete) == []
    assert [message.id for message in messages if not isinstance(message.id, str)] != []
    assert {len(message.string) for message in messages if not isinstance(message.id, str)} == {catalogue.num_plurals}


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: path.parent.parent.name)
def test_translations_have_the_placeholders_and_tags_of_their_text(path):
    different = []
    for message in read_catalogue(path):
        for text, form in list_forms(message) if message.id else []:
            there, here = (sorted(PLACEHOLDER.findall(each)) for each in (text, form))
            # Arabic says one and two without a number.
            is_fine = set(here) <= set(there) if isinstance(message.id, tuple) else here == there
            if not is_fine:
                different.append((text, form))

    assert different == []


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: path.parent.parent.name)
def test_translations_are_no_copies_of_their_text(path):
    copies = [message.id for message in read_catalogue(path) if message.id and message.id == message.string]

    assert [text for text in copies if len(PLACEHOLDER.sub("", text)) > 14] == []  # names and patterns are short
