"""The catalogues in locale/: complete, compiled, and written without GNU gettext."""

import gettext
from io import BytesIO

import pytest
from babel.messages.pofile import read_po

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


@pytest.mark.parametrize("path", [LOCALE_DIR / "django.pot", *find_catalogues(LOCALE_DIR)], ids=str)
def test_catalogue_has_every_message_of_the_code(path):
    catalogue = read_po(BytesIO(path.read_bytes()))

    assert ids(catalogue) == ids(extract_messages()), "Run `make messages`."


@pytest.mark.parametrize("path", find_catalogues(LOCALE_DIR), ids=str)
def test_compiled_catalogue_is_what_its_source_compiles_to(path):
    assert path.with_suffix(".mo").read_bytes() == compile_catalogue(read_catalogue(path)), "Run `make messages`."


def test_extract_messages_finds_every_way_of_marking_a_text():
    found = ids(extract_messages())

    assert (None, "That time has just been taken.") in found  # gettext_lazy in Python
    assert (None, ("%(days)s day", "%(days)s days")) in found  # ngettext
    assert ("price", "%(currency)s %(amount)s") in found  # pgettext
    assert (None, "Skip to the content") in found  # {% translate %}
    assert (None, "Held for you until %(time)s") in found  # {% blocktranslate %}
    assert (None, ("%(date)s, %(count)s free time", "%(date)s, %(count)s free times")) in found  # … count … plural
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
