"""A language that wraps every message in ⟦…⟧, to find the texts that cannot be translated."""

from functools import cache
from html.parser import HTMLParser

from babel.messages import Catalog

from booking.dev.messages import compile_catalogue, extract_messages

LANGUAGE = "xx"
READ_ALOUD = ["alt", "aria-label", "placeholder", "title"]


@cache
def compile_pseudo_catalogue():
    """Return the catalogue of the language as the bytes of a .mo file."""
    catalogue = Catalog(locale="en")
    for message in extract_messages():
        if message.id:
            strings = [f"⟦{text}⟧" for text in ([message.id] if isinstance(message.id, str) else message.id)]
            catalogue.add(message.id, strings if message.pluralizable else strings[0], context=message.context)
    return compile_catalogue(catalogue)


def write_pseudo_catalogue(folder):
    """Write the catalogue into ``folder``, which is one of LOCALE_PATHS then."""
    path = folder / LANGUAGE / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(compile_pseudo_catalogue())


class Visible(HTMLParser):
    """The texts of a page that people see or hear, in its order, but for what they have typed."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.hidden_in = [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style", "textarea"):
            self.hidden_in = tag
        self.texts += [value for name, value in attrs if name in READ_ALOUD and value]

    def handle_endtag(self, tag):
        if tag == self.hidden_in:
            self.hidden_in = None

    def handle_data(self, data):
        if not self.hidden_in:
            self.texts.append(data)


def find_untranslated(text, *, known=()):
    """Return the words of a text outside ⟦…⟧ that are not among ``known``: names, and what the clinic has written."""
    depth, outside = 0, []
    for character in text:
        if character == "⟦":
            depth += 1
        elif character == "⟧":
            depth -= 1
            outside.append("|")
        elif not depth:
            outside.append(character)
        assert depth >= 0, text
    assert depth == 0, text
    rest = "".join(outside)
    for name in sorted(known, key=len, reverse=True):
        rest = rest.replace(name, "|")
    return [part.strip() for part in rest.replace("\n", "|").split("|") if any(map(str.isalpha, part))]


def find_untranslated_in_page(html, *, known=()):
    """Return the words of a page's visible texts that are neither wrapped nor ``known``."""
    return find_untranslated("|".join(Visible(html).texts), known=known)
