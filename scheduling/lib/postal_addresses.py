"""Postal addresses in the order of their country, and where maps show them."""

from decimal import Decimal
from urllib.parse import urlencode

# Where the postcode stands before the town, by the Universal Postal Union's addressing of each country.
POSTCODE_FIRST = set(
    """
    AD AL AM AR AT AX AZ BA BE BG CH CI CR CU CY CZ DE DK DO DZ EE ES FI FO FR GE GF GL GP GR GT HR HT HU IS IT LI LT
    LU MA MC MD ME MG MK MQ MX MY NC NE NL NO PF PH PL PM PT PY RE RO RS SE SI SJ SK SM SN TN TR UY VA XK YT
    """.split()
)


def write_town(city: str, postcode: str, country: str) -> str:
    """Return the line of the town: 10115 Berlin, London E1 6AN."""
    parts = [postcode, city] if country in POSTCODE_FIRST else [city, postcode]
    return " ".join(filter(None, parts))


def get_map_address(lines: list[str], latitude: Decimal | None, longitude: Decimal | None) -> str:
    """Return the address of a map that shows the place: OpenStreetMap's, which asks nobody who they are."""
    if latitude is None or longitude is None:
        return "https://www.openstreetmap.org/search?" + urlencode({"query": ", ".join(lines)})
    at = {"mlat": f"{latitude:f}", "mlon": f"{longitude:f}"}
    return f"https://www.openstreetmap.org/?{urlencode(at)}#map=18/{latitude:f}/{longitude:f}"
