"""Pages of staff are asked for what no clock and no name has."""

import pytest


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_start_beyond_the_calendar_is_none(erin, book, at, start):
    visit = book(at(9))
    query = {"start": start, "location": str(visit.location_id)}

    for page in ("diary/book/", f"diary/appointments/{visit.pk}/move/"):
        assert erin.get(f"/admin/{page}", query).status_code == 200


def test_search_for_a_text_without_letters_finds_nothing(erin):
    assert erin.get("/admin/diary/search/", {"q": "\0\0\0"}).status_code == 200


def test_figures_of_the_last_day_of_all_are_not_counted(morgan):
    page = morgan.get("/admin/figures/", {"first": "9999-12-31", "last": "9999-12-31"})

    assert page.status_code == 200
    assert "Choose 1 to" in page.text
