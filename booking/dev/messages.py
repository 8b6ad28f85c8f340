"""Collect the texts for patients in ``locale/`` and compile their translations: `make messages`.

Babel does what Django's makemessages and compilemessages leave to GNU gettext, which not every machine has.
``django.pot`` has every message; ``en_GB`` is where a clinic words one of them its own way.
"""

import argparse
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LOCALE_DIR = BASE_DIR / "locale"
SOURCES = ["booking", "patients", "scheduling", "templates"]
# Staff read English, and so do programmers.
LEFT_OUT = ["booking/dev", "templates/admin", "templates/api"]
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
CHANGING = tuple(
    f'"{name}:'.encode()
    for name in (
        "Project-Id-Version",
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HEADER = "# Texts of Holdfast for patients. Written by `make messages`; only what follows msgstr is edited by hand.\n#"


def main():
    """Write the catalogues anew; a language that is named and not there yet is added."""
    parser = argparse.ArgumentParser(prog="python -m booking.dev.messages", description=main.__doc__)
    parser.add_argument("languages", nargs="*", help="a language to add, such as de or pt_BR")
    write_catalogues(LOCALE_DIR, languages=parser.parse_args().languages)


def write_catalogues(folder, *, languages=()):
    """Write the template into ``folder``; update, add and compile the catalogues of its languages."""
    template = extract_messages()
    folder.mkdir(exist_ok=True)
    (folder / "django.pot").write_bytes(serialize(template))
    for language in languages:
        path = folder / str(Locale.parse(language)) / "LC_MESSAGES" / "django.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(serialize(Catalog(locale=language)))
    for path in find_catalogues(folder):
        catalogue = read_catalogue(path)
        catalogue.update(template, no_fuzzy_matching=True)
        path.write_bytes(serialize(catalogue))
        path.with_suffix(".mo").write_bytes(compile_catalogue(catalogue))


def extract_messages():
    """Return a Catalog of all messages in the code and the templates."""
    template = Catalog(fuzzy=False)
    for path in sorted(path for source in SOURCES for path in (BASE_DIR / source).rglob("*")):
        name = str(path.relative_to(BASE_DIR))
        if path.suffix not in (".py", ".html", ".txt") or name.startswith(tuple(LEFT_OUT)):
            continue
        code = path.read_text() if path.suffix == ".py" else read_template(path)
        found = extract("python", BytesIO(code.encode()), KEYWORDS, comment_tags=["Translators:"])
        for _line, message, comments, context in found:
            template.add(message, locations=[(name, None)], auto_comments=comments, context=context)
    return template


def read_template(path):
    """Return a template's messages as Python code."""
    # templatize keeps a text's indentation, which is none that Python understands.
    return "\n".join(line.lstrip() for line in templatize(path.read_text()).splitlines())


def find_catalogues(folder):
    return sorted(folder.glob("*/LC_MESSAGES/django.po"))


def read_catalogue(path):
    """Return the Catalog in ``path``, whose folder is named after its language."""
    return read_po(BytesIO(path.read_bytes()), locale=path.parent.parent.name)


def serialize(catalogue):
    """Return a Catalog as the bytes of a .po file, with the header fields that tools need."""
    catalogue.header_comment, catalogue.fuzzy = HEADER, False
    buffer = BytesIO()
    write_po(buffer, catalogue, width=120, include_lineno=False, ignore_obsolete=True)
    # Times and versions would make the file differ although no message does.
    return b"".join(line for line in buffer.getvalue().splitlines(keepends=True) if not line.startswith(CHANGING))


def compile_catalogue(catalogue):
    """Return a Catalog as the bytes of a .mo file, as far as it is translated."""
    compiled = Catalog(locale=catalogue.locale, creation_date=LONG_AGO, revision_date=LONG_AGO)
    for message in catalogue:
        strings = message.string if message.pluralizable else [message.string]
        if message.id and all(strings) and not message.fuzzy:
            compiled.add(message.id, message.string, context=message.context)
    buffer = BytesIO()
    write_mo(buffer, compiled)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
