"""The hours of a clinician as a week: copied, split, judged as a whole, saved at once."""

import re
from datetime import UTC, date, datetime, time, timedelta

from booking.admin.week_rows import begin_anew, copy_day, copy_week, find_counted_week, make_row, split_row
from booking.domain.schedule import add_to_schedule
from booking.models import StrandedVisit
from scheduling.models import ExtraHours, Location, WorkingHours
from tests.booking.admin.pages import count_queries, get_text, list_messages, url
from tests.conftest import make_clinician


def row(weekday, start, end, **texts):
    return make_row(weekday=weekday, location="here") | {"start_time": start, "end_time": end} | texts


def week(clinician):
    return url("scheduling_clinician", "week", clinician.pk)


def read_form(page):
    """Return the fields of a page's form with their values, as a browser would send them."""
    fields = {}
    for tag in re.findall(r"<input [^>]*>", page.content.decode()):
        named = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        is_off = named.get("type") == "checkbox" and " checked" not in tag
        if named.get("name", "").startswith(("weekly-", "extra-", "version")) and not is_off:
            fields[named["name"]] = named.get("value", "")
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', page.content.decode(), flags=re.S):
        if chosen := re.search(r'value="([^"]*)" selected', options):
            fields[name] = chosen[1]
    return fields


def list_hours(clinician):
    return [
        f"{hours.get_weekday_display()[:3]} {hours.start_time:%H:%M}–{hours.end_time:%H:%M}"
        for hours in clinician.working_hours.order_by("weekday", "start_time")
    ]


def test_break_splits_hours_at_noon_or_in_the_middle():
    def split(start, end):
        return [(each["start_time"], each["end_time"]) for each in split_row([row(0, start, end)], 0)]

    assert split("09:00", "17:00") == [("09:00", "12:00"), ("13:00", "17:00")]
    assert split("17:00", "21:00") == [("17:00", "18:30"), ("19:30", "21:00")]
    assert split("09:00", "00:00") == [("09:00", "12:00"), ("13:00", "00:00")]
    assert split("09:00", "09:45") == [("09:00", "09:45")]
    assert split("nine", "") == [("nine", "")]


def test_copied_day_keeps_the_ids_of_what_it_replaces():
    rows = [row(0, "09:00", "12:00", id="1"), row(0, "13:00", "17:00", id="2"), row(1, "08:00", "10:00", id="3")]

    copied = copy_day(rows, source=0, targets={0, 1, 2})

    assert [(each["weekday"], each["start_time"], each["id"]) for each in copied] == [
        ("0", "09:00", "1"),
        ("0", "13:00", "2"),
        ("1", "09:00", "3"),
        ("1", "13:00", ""),
        ("2", "09:00", ""),
        ("2", "13:00", ""),
    ]
    assert [each["id"] for each in copy_week(rows, [row(1, "10:00", "11:00", id="77")])] == ["3"]


def test_new_hours_end_the_old_ones_the_day_before():
    rows = [
        row(0, "09:00", "12:00", id="1"),
        row(1, "09:00", "12:00", id="2", valid_until="2030-01-15"),
        row(2, "09:00", "12:00", id="3", valid_from="2030-03-01"),
        row(3, "09:00", "12:00", id="4", valid_from="2030-01-07", every_weeks="2"),
    ]

    begun = begin_anew(rows, date(2030, 2, 1))

    assert [(each["id"], each["valid_from"], each["valid_until"]) for each in begun] == [
        ("1", "", "2030-01-31"),
        ("", "2030-02-01", ""),
        ("2", "", "2030-01-15"),
        ("3", "2030-03-01", ""),
        ("4", "2030-01-07", "2030-02-03"),
        ("", "2030-02-04", ""),  # the week in which they come again
    ]
    assert find_counted_week(date(2030, 1, 9), 2, date(2030, 1, 24)) == date(2030, 1, 24)


def test_buttons_change_the_page_and_nothing_else(morgan, dana):
    before = list_hours(dana)
    fields = read_form(morgan.get(week(dana)))

    page = morgan.post(week(dana), fields | {"do": "add:0"})
    assert page.context["days"][0].forms[-1].row["start_time"] == ""
    page = morgan.post(week(dana), read_form(page) | {"do": "remove:2"})
    page = morgan.post(week(dana), read_form(page) | {"do": "break:0"})
    page = morgan.post(week(dana), read_form(page) | {"do": "copy:0", "copy-0": ["1", "9"]})
    page = morgan.post(week(dana), read_form(page) | {"do": "add-extra"})
    page = morgan.post(week(dana), read_form(page) | {"do": "remove-extra:0"})
    for nothing in ("copy:9", "remove:999", "copy-clinician", "anew"):
        page = morgan.post(week(dana), read_form(page) | {"do": nothing})

    assert "Not saved yet" in get_text(page)
    assert [day.total for day in page.context["days"]][:3] == ["6 h", "6 h", "7 h"]
    assert list_hours(dana) == before


def test_week_is_saved_at_once(morgan, dana, harbour, day):
    fields = read_form(morgan.get(week(dana)))
    monday, afternoon = dana.working_hours.filter(weekday=0).order_by("start_time")
    fields |= {
        "weekly-0-end_time": "11:30",
        "weekly-1-start_time": "",
        "weekly-1-end_time": "",
        "weekly-0-is_remote": "on",
    }
    fields |= {"extra-rows": "1", "extra-0-date": day.isoformat(), "extra-0-location": str(harbour.pk)}
    fields |= {"extra-0-start_time": "18:00", "extra-0-end_time": "00:00", "extra-0-id": ""}

    response = morgan.post(week(dana), fields)

    assert list_messages(response) == ["The hours of Dana Reed are saved."]
    changed = WorkingHours.objects.get(pk=monday.pk)
    assert (changed.end_time, changed.is_remote) == (time(11, 30), True)
    assert not WorkingHours.objects.filter(pk=afternoon.pk).exists()
    assert list_hours(dana)[:2] == ["Mon 09:00–11:30", "Tue 09:00–12:00"]
    extra = ExtraHours.objects.get()
    assert (extra.clinician, extra.date, extra.end_time) == (dana, day, time())
    harbour.refresh_from_db()
    assert harbour.schedule_changed_at


def test_colleagues_week_is_copied(morgan, dana, bea):
    fields = read_form(morgan.get(week(bea)))

    page = morgan.post(week(bea), fields | {"do": "copy-clinician", "copy_from": str(dana.pk)})
    morgan.post(week(bea), read_form(page))

    assert list_hours(bea) == list_hours(dana)
    assert dana.working_hours.count() == 14


def test_wrong_rows_are_refused_at_their_fields_and_nothing_is_saved(morgan, dana, harbour):
    berlin = Location.objects.create(name="Mitte", city="Berlin", timezone="Europe/Berlin")
    fields = read_form(morgan.get(week(dana)))
    before = list_hours(dana)
    refused = {
        "end_time": ({"weekly-0-end_time": "08:00"}, "The end must be after the start"),
        "start_time": ({"weekly-1-start_time": "11:00"}, "This overlaps Monday 09:00–12:00"),
        "valid_from": ({"weekly-0-every_weeks": "2"}, "Say from when the weeks are counted."),
        "valid_until": (
            {"weekly-0-valid_from": "2031-01-02", "weekly-0-valid_until": "2031-01-01"},
            "This is before the first day.",
        ),
        "location": ({"weekly-0-location": str(berlin.pk), "weekly-0-end_time": "15:00"}, "this overlaps Monday 13:00"),
    }
    for name, (changes, sentence) in refused.items():
        page = morgan.post(week(dana), fields | changes)
        [error] = [form.errors for form in page.context["forms"].filled if form.errors]
        assert list(error) == [name]
        assert sentence in get_text(page)
    assert list_hours(dana) == before


def test_outdated_week_is_refused(morgan, dana, harbour):
    fields = read_form(morgan.get(week(dana)))
    new = WorkingHours(clinician=dana, location=harbour, weekday=0, start_time=time(18), end_time=time(19))
    add_to_schedule(new)

    page = morgan.post(week(dana), fields | {"weekly-0-end_time": "11:00"})

    assert "Somebody else has changed these hours" in get_text(page)
    assert 'value="11:00"' in page.content.decode()  # what was typed is not lost
    assert list_hours(dana)[0] == "Mon 09:00–12:00"
    assert WorkingHours.objects.filter(pk=new.pk).exists()


def test_hours_that_are_over_stay_as_they_are(morgan, dana, harbour):
    past = datetime.now(UTC).date() - timedelta(days=10)
    over = WorkingHours.objects.create(
        clinician=dana, location=harbour, weekday=0, start_time=time(9), end_time=time(10), valid_until=past
    )

    morgan.post(week(dana), read_form(morgan.get(week(dana))) | {"weekly-0-end_time": "11:00"})

    assert WorkingHours.objects.filter(pk=over.pk).exists()
    assert list_hours(dana)[:2] in (["Mon 09:00–10:00", "Mon 09:00–11:00"], ["Mon 09:00–11:00", "Mon 09:00–10:00"])


def test_hours_beyond_those_that_fit_on_the_page_stay_as_they_are(morgan, bea, harbour, day):
    ExtraHours.objects.bulk_create(
        ExtraHours(
            clinician=bea, location=harbour, date=day + timedelta(days=each), start_time=time(9), end_time=time(10)
        )
        for each in range(60)
    )
    page = morgan.get(week(bea))
    assert len(page.context["forms"].forms["extra"]) == 50

    morgan.post(week(bea), read_form(page) | {"extra-0-start_time": "", "extra-0-end_time": ""})

    assert bea.extra_hours.count() == 59


def test_who_may_only_look_sees_the_week_and_changes_nothing(erin, danas_browser, dana):
    page = erin.get(week(dana))
    assert page.context["may_change"] is False
    assert erin.post(week(dana), read_form(page) | {"weekly-0-end_time": "11:00"}).status_code == 403
    assert danas_browser.get(week(dana)).status_code == 403
    assert list_hours(dana)[0] == "Mon 09:00–12:00"


def test_shorter_hours_show_the_visits_outside_first(morgan, dana, book, at, day):
    visit = book(at(9))
    number = day.weekday() * 2  # the morning of its day
    fields = read_form(morgan.get(week(dana))) | {f"weekly-{number}-start_time": "10:00"}

    asked = morgan.post(week(dana), fields)
    assert "Alice Archer" in get_text(asked)
    assert dana.working_hours.filter(start_time=time(10)).count() == 0
    morgan.post(week(dana), fields | {"strands": asked.context["accepted"]})

    assert dana.working_hours.filter(start_time=time(10)).count() == 1
    assert StrandedVisit.objects.get().appointment == visit


def test_queries_of_the_week_do_not_grow_with_its_rows(morgan, dana, harbour, consultation):
    ola = make_clinician("Ola Berg", location=harbour, services=[consultation], hours=[(9, 10)])
    assert count_queries(morgan, week(dana)) == count_queries(morgan, week(ola))
