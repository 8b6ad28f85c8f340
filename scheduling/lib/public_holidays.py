"""The public holidays of countries and their regions, as the package ``holidays`` computes them: no network."""

import re
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple


class Holiday(NamedTuple):
    """A public holiday."""

    day: date
    name: str


@lru_cache
def list_countries() -> list[tuple[str, str]]:
    """Return code and English name of each country that has holidays here, by name."""
    from holidays.registry import COUNTRIES  # imported late: it is needed on one page, and large

    names = {codes[1]: _split_words(codes[0]) for codes in COUNTRIES.values()}
    return sorted(names.items(), key=lambda each: each[1])


@lru_cache(maxsize=64)
def list_regions(country: str) -> list[tuple[str, str]]:
    """Return code and name of each region of a country that has holidays of its own; none for an unknown country."""
    if country not in dict(list_countries()):
        return []
    known = _get(country)
    names = {code: (aliases or [code])[0] for code, aliases in known.get_subdivision_aliases().items()}
    return sorted(names.items(), key=lambda each: each[1])


def list_holidays(country: str, region: str, year: int) -> list[Holiday]:
    """Return the public holidays of a country's region in a year, or with "" of the whole country; their English names.

    None for an unknown country or region.
    """
    if country not in dict(list_countries()) or (region and region not in dict(list_regions(country))):
        return []
    return [Holiday(day, name) for day, name in sorted(_get(country, region, year).items())]


def _get(country, region="", year=None):
    import holidays

    of_country: Any = getattr(holidays, country)
    english = sorted(language for language in of_country.supported_languages if language.startswith("en"))
    language = english[0] if english else of_country.default_language
    return holidays.country_holidays(country, subdiv=region or None, years=year, language=language)


def _split_words(name):
    """Return the name of a class as words: UnitedKingdom is United Kingdom."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
