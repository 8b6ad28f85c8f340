"""The languages that clinicians may speak, by their codes of BCP 47, named in the language of the page."""

from collections.abc import Iterable

from django.conf.locale import LANG_INFO
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

# Spoken and signed with patients, and not among those that Django itself is translated to.
OTHERS = {
    "am": _("Amharic"),
    "bfi": _("British Sign Language"),
    "cmn": _("Mandarin"),
    "fsl": _("French Sign Language"),
    "gsg": _("German Sign Language"),
    "gu": _("Gujarati"),
    "ku": _("Kurdish (Kurmanji)"),
    "mt": _("Maltese"),
    "ps": _("Pashto"),
    "so": _("Somali"),
    "ti": _("Tigrinya"),
    "tl": _("Tagalog"),
    "yue": _("Cantonese"),
}
INVENTED = {"eo", "ia", "io"}
SPOKEN_LANGUAGES = sorted({*OTHERS, *(code for code in LANG_INFO if "-" not in code)} - INVENTED)


def name_language(code: str) -> str:
    """Return what the language is called in the language that is active; for an unknown code, the code."""
    if code in OTHERS:
        return str(OTHERS[code])
    return get_language_info(code)["name_translated"] if code in LANG_INFO else code


def name_languages(codes: Iterable[str]) -> list[str]:
    """Return the names, in their order."""
    return [name_language(code) for code in codes]


def list_language_choices() -> list[tuple[str, str]]:
    """Return each code with its name, by name."""
    return sorted(((code, name_language(code)) for code in SPOKEN_LANGUAGES), key=lambda choice: choice[1])
