"""Managers look at the figures of a period; each has its definition, its plot and its table."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils.timezone import now

from booking.admin.plots import Series, draw_bars, draw_columns, draw_heat, find_ticks
from booking.domain.figures import Period
from booking.models import Appointment, StaffMember
from scheduling.models import Location
from tests.booking.admin.pages import count_queries, get_text
from tests.conftest import LONDON

PAGE = "/admin/figures/"


@pytest.fixture
def today():
    return now().astimezone(LONDON).date()


def read(response):
    return b"".join(response.streaming_content).decode()


def test_page_shows_each_figure_with_its_definition_and_its_table(morgan, book_today, today):
    Appointment.objects.filter(pk=book_today(9).pk).update(status="completed")

    page = morgan.get(PAGE, {"period": "week"})

    text, content = get_text(page), page.content.decode()
    assert f"{today - timedelta(days=6):%-d %B %Y} – {today:%-d %B %Y} beside the 7 days before" in text
    assert "Revenue in GBP 60.00" in text
    assert "Prices of completed visits, as they were when the visits were booked, whether or not they are paid." in text
    assert f"{today:%a %-d %b %Y} 60.00 0" in text
    assert "style=" not in content and "<style" not in content
    cards = re.findall(r'<section id="([a-z-]+)"', content)
    assert cards == [
        "bookings",
        "sources",
        "holds",
        "lead-time",
        "visits",
        "utilisation",
        "cancellations",
        "cancelled-late",
        "no-shows",
        "revenue-gbp",
        "new-patients",
        "waiting",
        "clinicians",
    ]
    assert content.count("<details>") == content.count('role="img" aria-label="')
    assert morgan.get("/admin/").content.decode().count('href="/admin/figures/"') == 1


def test_csv_has_the_table_of_a_figure(morgan, book_today, today):
    book_today(9)

    answer = morgan.get(f"{PAGE}visits.csv", {"first": today, "last": today + timedelta(days=1)})

    assert answer["Content-Disposition"] == f'attachment; filename="visits-{today}-{today + timedelta(days=1)}.csv"'
    header, *rows = read(answer).splitlines()
    assert header == "\ufeffFrom,Completed,Coming,Not marked"
    assert [row.split(",")[0] for row in rows] == [str(today), str(today + timedelta(days=1))]
    assert sum(int(number) for row in rows for number in row.split(",")[1:]) == 1
    assert morgan.get(f"{PAGE}nothing.csv").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"first": "2026-03-01"},
        {"first": "2026-03-02", "last": "2026-03-01"},
        {"first": "2025-01-01", "last": "2026-03-01"},
        {"first": "0001-01-01", "last": "0001-01-02"},
    ],
)
def test_dates_that_are_no_period_are_refused_beside_the_usual_figures(morgan, harbour, today, query):
    page = morgan.get(PAGE, query)

    assert 'class="errorlist"' in page.content.decode()
    assert f"{today - timedelta(days=29):%-d %B %Y} – {today:%-d %B %Y}" in get_text(page)


@pytest.mark.parametrize("query", [{"location": "x"}, {"period": "ever"}, {"clinician": "\x00"}])
def test_choices_that_are_none_leave_the_page_as_it_is(morgan, harbour, query):
    assert morgan.get(PAGE, query).status_code == 200


def test_only_managers_see_figures(erin, danas_browser, client):
    for browser in (erin, danas_browser):
        assert browser.get(PAGE).status_code == 403
        assert browser.get(f"{PAGE}bookings.csv").status_code == 403
        assert PAGE not in browser.get("/admin/").content.decode()
    assert client.get(PAGE).status_code == 302
    erin.user.user_permissions.add(Permission.objects.get(codename="view_figures"))
    assert erin.get(PAGE).status_code == 200


def test_figures_are_of_the_locations_where_somebody_works(morgan, book, at, harbour):
    mill = Location.objects.create(name="Mill Lane", city="London")
    book(at(9))
    assert "Bookings 1" in get_text(morgan.get(PAGE))

    StaffMember.objects.create(user=morgan.user, has_all_locations=False).locations.set([mill])

    page = get_text(morgan.get(PAGE))
    assert "Bookings 0" in page
    assert "Harbour Street" not in page
    assert "Bookings 0" in get_text(morgan.get(PAGE, {"location": harbour.pk}))


def test_number_of_queries_does_not_grow(morgan, book, at):
    few = count_queries(morgan, PAGE)
    for hour in (9, 10, 11):
        book(at(hour))

    assert count_queries(morgan, PAGE) == few


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (5, [0, 1, 2, 3, 4, 5]),
        (7, [0, 2, 4, 6, 8]),
        (10, [0, 2, 4, 6, 8, 10]),
        (101, [0, 25, 50, 75, 100, 125]),
    ],
)
def test_axis_begins_at_zero_and_reaches_the_largest(largest, ticks):
    assert find_ticks(largest, 1) == ticks


def test_plots_escape_what_they_are_given():
    evil = '"><script>alert(1)</script>'
    for drawn in (
        draw_columns(evil, [evil], [Series(evil, [1])], str),
        draw_bars(evil, [(evil, 1, evil)]),
        draw_heat(evil, [evil], [(evil, [0.5, None])], str),
    ):
        assert "<script" not in drawn
        assert drawn.startswith('<svg class="plot ')


def test_periods_end_today_or_with_a_month():
    from booking.admin.figures import PERIODS

    found = {name: period(date(2026, 3, 31)) for name, (_, period) in PERIODS.items()}

    assert found == {
        "week": Period(date(2026, 3, 25), date(2026, 3, 31)),
        "days": Period(date(2026, 3, 2), date(2026, 3, 31)),
        "month": Period(date(2026, 3, 1), date(2026, 3, 31)),
        "last-month": Period(date(2026, 2, 1), date(2026, 2, 28)),
        "quarter": Period(date(2026, 1, 1), date(2026, 3, 31)),
        "year": Period(date(2025, 4, 1), date(2026, 3, 31)),
    }
