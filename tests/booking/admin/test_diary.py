"""The diary: staff's start page, its live updates, the waiting room and the sheets of paper."""

import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.urls import reverse

from booking.admin.diary_grid import Stretch, draw_columns
from booking.admin.diary_page import versions
from booking.domain.appointments import cancel, mark_arrived, mark_seen
from booking.domain.diary import Column
from booking.models import Appointment, PatientAccess, StaffMember, StrandedVisit
from patients.models import Patient
from scheduling.availability.openings import as_instant
from scheduling.models import Location, TimeOff
from scheduling.schedule_changes import mark_schedule_changed
from tests.booking.admin.pages import count_queries, get_text
from tests.busy_day import fill_day
from tests.conftest import make_clinician

DIARY = reverse("admin:diary")


def read_grid(response):
    """Return {heading: [its entries as text]} of each column, None where only its version was sent."""
    columns = {}
    for attributes, body in re.findall(
        r'<section id="column-[^"]*"(.*?)>(.*?)</section>', response.content.decode(), re.S
    ):
        heading = re.search(r"<h2.*?>(.*?) <small>", body)
        entries = [get_text(SimpleNamespace(content=each.encode())) for each in re.findall(r"<li.*?</li>", body, re.S)]
        columns[heading[1] if heading else re.search(r'clinician="(.*?)"', attributes)[1]] = (
            entries if heading else None
        )
    return columns


def get_known(response):
    return ".".join(re.findall(r'data-version="(\w+)"', response.content.decode()))


@pytest.fixture
def open_day(erin, day):
    return lambda browser=erin, **query: browser.get(DIARY, {"day": str(day)} | query)


def test_day_has_a_column_for_each_clinician(open_day, book, hold_time, at, harbour, consultation, dana):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 10)])
    book(at(9))
    hold_time(at(11))

    page = open_day()

    assert read_grid(page) == {
        "Dana Reed": [
            "09:00 –09:30 Alice Archer Consultation Confirmed",
            "09:30 –11:00 Free",
            "11:00 –11:30 Held Consultation",
            "11:30 –12:00 Free",
            "13:00 –17:00 Free",
        ],
        "Otis Hale": ["09:00 –10:00 Free"],
    }


def test_cancelled_visit_is_shown_on_request_only(open_day, book, at):
    cancel(book(at(9)), actor="erin", reason="other")

    assert "Alice Archer" not in get_text(open_day())
    assert "Alice Archer Consultation Cancelled" in get_text(open_day(cancelled="1"))


def test_what_people_have_typed_is_escaped(open_day, book, at, dana, consultation):
    consultation.name = "Q&A <script>"
    consultation.save()
    TimeOff.objects.create(clinician=dana, starts_at=at(14), ends_at=at(15), reason='"><img>')
    book(at(9))

    page = open_day().content.decode()

    assert '<span class="what">Q&amp;A &lt;script&gt;</span>' in page
    assert "Time off: &quot;&gt;&lt;img&gt;" in page


def test_stranded_visit_is_marked(open_day, book, at):
    StrandedVisit.objects.create(appointment=book(at(9)), cause="away")

    assert "Alice Archer Consultation Stranded" in get_text(open_day())


def test_week_has_a_column_for_each_day_of_one_clinician(open_day, day, dana):
    monday = day - day.weekday() * timedelta(days=1)

    columns = read_grid(open_day(view="week", clinician=str(dana.pk)))

    assert list(columns) == [f"{monday + n * timedelta(days=1):%a %-d %b}" for n in range(7)]


def test_month_counts_visits(open_day, book, at, day):
    book(at(9))

    assert f"{day.day} {day:%B} 1 visit" in get_text(open_day(view="month"))


def test_start_page_is_today_for_who_sees_appointments(erin, staff, dana):
    assert 'id="diary-grid"' in erin.get(reverse("admin:index")).content.decode()
    nobody = staff("nora", "clinician")
    nobody.user.groups.clear()
    assert 'id="diary-grid"' not in nobody.get(reverse("admin:index")).content.decode()
    assert nobody.get(DIARY).status_code == 403


def test_clinician_sees_their_own_column_only(staff, open_day, book, at, dana, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    book(at(9))
    browser = staff("otis", "clinician")
    assert "belongs to no clinician" in get_text(open_day(browser))

    otis.user = browser.user
    otis.save()

    for query in ({}, {"clinician": str(dana.pk)}, {"view": "week", "clinician": str(dana.pk)}):
        page = open_day(browser, **query)
        assert "Alice" not in get_text(page)
        assert dana.name not in get_text(page)


def test_location_of_others_is_not_shown(erin, open_day, book, at, harbour):
    book(at(9))
    mill = Location.objects.create(name="Mill Lane", city="London", timezone="Europe/London")
    member, _ = StaffMember.objects.get_or_create(user=erin.user)
    member.has_all_locations = False
    member.save()
    member.locations.set([mill])

    page = open_day(location=str(harbour.pk))

    assert "Nobody works at Mill Lane then" in get_text(page)
    assert "Alice" not in get_text(page)


def test_chosen_location_is_remembered(erin, open_day, harbour, dana):
    mill = Location.objects.create(name="Mill Lane", city="London", timezone="Europe/London")
    assert open_day().context["page"].location == harbour

    open_day(location=str(mill.pk))

    assert open_day().context["page"].location == mill


@pytest.mark.parametrize("query", [{"day": "never"}, {"day": "9999-12-31"}, {"location": "x"}, {"clinician": "x"}])
def test_nonsense_in_the_address_shows_today(erin, dana, query):
    assert erin.get(DIARY, query).status_code == 200


def test_news_has_only_columns_that_changed(erin, open_day, book, at, dana, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 10)])
    bob = Patient(first_name="Bob", last_name="Brown", date_of_birth=date(1990, 1, 1), email="bob@example.org")
    book(at(9), clinician=otis, patient=bob)
    page = open_day()
    news, etag = page.context["events_url"], page.context["etag"]
    assert erin.get(news, headers={"if-none-match": etag}).status_code == 304

    visit = book(at(9))
    note_change(harbour)
    answer = erin.get(news + f"&known={get_known(page)}", headers={"if-none-match": etag})

    assert read_grid(answer) == {
        "Dana Reed": ["09:00 –09:30 Alice Archer Consultation Confirmed", "09:30 –12:00 Free", "13:00 –17:00 Free"],
        str(otis.pk): None,
    }
    assert PatientAccess.objects.first().patient_ids == [visit.patient_id]
    assert erin.get(news, headers={"if-none-match": answer["ETag"]}).status_code == 304


def note_change(location):
    """Have the next page see a change: events of a transaction that is not over change no version."""
    mark_schedule_changed(location_id=location.pk)
    versions.forget()


def test_day_of_six_clinicians_takes_as_many_queries_as_of_one(erin, day, book, at, harbour, monkeypatch):
    monkeypatch.setattr(versions, "max_age", 60)
    book(at(9))
    few = count_queries(erin, f"{DIARY}?day={day}")
    fill_day(harbour, day, clinicians=6, visits=24)

    assert count_queries(erin, f"{DIARY}?day={day}") == few
    assert few <= 25


def test_hour_that_comes_twice_stands_side_by_side_and_names_the_zone():
    first = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    service = SimpleNamespace(name="Consultation", color="#0f766e")
    visits = [
        Appointment(pk=UUID(int=n), starts_at=start, ends_at=start + timedelta(minutes=45), status="confirmed")
        for n, start in enumerate([first, first + timedelta(hours=1)])
    ]
    for visit in visits:
        visit.attendee_name = "Alice Archer"
        visit.is_stranded = False
        visit._state.fields_cache["service"] = service
    midnight = as_instant(datetime(2027, 10, 30, 23, tzinfo=UTC))
    column = Column(UUID(int=9), "Dana", date(2027, 10, 31), midnight, midnight + 25 * 3600, [], [], [], visits, [])

    [drawn] = draw_columns([column], Location(timezone="Europe/London"))

    assert [(each.at, each.lane, each.lanes) for each in drawn.entries] == [
        (Stretch(90, 45, "01:30 BST", "–01:15 GMT"), 0, 2),
        (Stretch(90, 45, "01:30 GMT", "–02:15"), 1, 2),
    ]


def test_waiting_room_says_who_waits_and_who_is_seen(erin, harbour, dana):
    now = datetime.now(UTC)
    here = fill_day(harbour, now.astimezone(harbour.zone).date(), clinicians=2, visits=3)
    for visit in here[:2]:
        Appointment.objects.filter(pk=visit.pk).update(starts_at=now, ends_at=now + timedelta(minutes=30))
        visit.refresh_from_db()
        mark_arrived(visit, actor="erin")
    mark_seen(here[0], actor="erin")
    page = erin.get(reverse("admin:diary_waiting_room"))

    text = get_text(page)
    assert f"Waiting 1 {now.astimezone(harbour.zone):%H:%M} {here[1].attendee_name} waiting since" in text
    assert f"With their clinician 1 {now.astimezone(harbour.zone):%H:%M} {here[0].attendee_name} since" in text
    assert erin.get(page.context["news_url"]).status_code == 204
    mark_seen(here[1], actor="erin")
    note_change(harbour)
    assert "Waiting 0 Nobody waits." in get_text(erin.get(page.context["news_url"]))


def test_sheet_has_a_page_for_each_clinician(erin, day, book, at, harbour, consultation, dana):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 10)])
    visit = book(at(9))

    page = erin.get(reverse("admin:diary_print"), {"day": str(day)})

    text = get_text(page)
    assert (
        f"09:00–09:30 Alice Archer born 12 Apr 1985 +44 20 7946 0123 Consultation Confirmed · {visit.reference}" in text
    )
    assert "Otis Hale" in text
    assert "No visits." in text
    assert PatientAccess.objects.first().patient_ids == [visit.patient_id]
