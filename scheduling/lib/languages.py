"""The languages that patients are spoken to in. An address names one by its first element, as /de/book/… does."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.urls import get_script_prefix, set_script_prefix
from django.utils.translation import get_language, override
from django.utils.translation.trans_real import parse_accept_lang_header


def get_path_element(language: str) -> str:
    """Return how an address names a language: en for en-gb."""
    return language.partition("-")[0]


def split_path(path: str) -> tuple[str, str]:
    """Return the language that a path begins with, or "", and the rest of the path."""
    element, _, rest = path.removeprefix("/").partition("/")
    for language in settings.PATIENT_LANGUAGES:
        if element == get_path_element(language):
            return language, f"/{rest}"
    return "", path


def join_path(language: str, path: str) -> str:
    """Return a path that begins with a language, or with none for ""."""
    _, rest = split_path(path)
    return f"/{get_path_element(language)}{rest}" if language else rest


def choose_language(accepted: str) -> str:
    """Return which language suits an Accept-Language header best; the clinic's own where none does."""
    spoken = {get_path_element(language): language for language in reversed(settings.PATIENT_LANGUAGES)}
    for tag, _quality in parse_accept_lang_header(accepted):
        if found := spoken.get(get_path_element(tag)):
            return found
    return settings.PATIENT_LANGUAGES[0]


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Write texts in a language, and links that name it; for "", in the clinic's own, and links that name none."""
    before = get_script_prefix()
    if language not in settings.PATIENT_LANGUAGES:  # not any more
        language = ""
    with override(language or settings.PATIENT_LANGUAGES[0]):
        set_script_prefix(join_path(language, "/"))
        try:
            yield
        finally:
            set_script_prefix(before)


def get_language_to_keep() -> str:
    """Return the language of the page, for messages to its reader.

    The clinic's own is "", unless the address names it.
    """
    named, _ = split_path(get_script_prefix())
    language = get_language() or ""
    return named or (language if language in settings.PATIENT_LANGUAGES[1:] else "")
