"""Public holidays of countries and regions."""

from datetime import date

from scheduling.lib.public_holidays import Holiday, list_countries, list_holidays, list_regions


def test_holidays_of_a_region_have_english_names():
    assert ("GB", "United Kingdom") in list_countries()
    assert ("BE", "Berlin") in list_regions("DE")
    in_berlin = list_holidays("DE", "BE", 2027)
    assert in_berlin[:2] == [Holiday(date(2027, 1, 1), "New Year's Day"), Holiday(date(2027, 3, 8), "Women's Day")]
    assert Holiday(date(2027, 3, 8), "Women's Day") not in list_holidays("DE", "BY", 2027)


def test_unknown_places_have_none():
    assert (list_regions("XX"), list_holidays("XX", "", 2027), list_holidays("DE", "ENG", 2027)) == ([], [], [])
