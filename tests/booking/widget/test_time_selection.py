"""The page of times: days, times, filters, zones, one's own held time."""

from datetime import timedelta

import pytest

from scheduling.models import Location, Service, WorkingHours
from tests.booking.widget.conftest import Page
from tests.conftest import make_clinician
from tests.ledger import nothing_changes


@pytest.fixture
def times(client):
    """Open the page of times: ``times(day=…)``."""

    def times(**query):
        response = client.get("/book/consultation/", query)
        assert response.status_code == 200
        return response.context, Page(response)

    return times


@pytest.fixture
def otis(consultation):
    """A clinician in New York who also gives consultations by video."""
    hudson = Location.objects.create(name="Hudson Square", timezone="America/New_York", city="New York")
    otis = make_clinician("Otis Hale", location=hudson, services=[consultation], hours=[(9, 11)])
    for hours in list(otis.working_hours.all()):
        hours.pk, hours.is_remote, hours.start_time, hours.end_time = None, True, "13:00", "14:00"
        hours.save()
    Service.objects.update(mode="both")
    consultation.refresh_from_db()
    return otis


def list_choices(context):
    """Return the choices of the day that is shown."""
    return [choice for place in context["places"] for _, choices in place.parts for choice in choices]


def test_strip_says_how_many_times_each_day_has(times, day, hold_time, at):
    hold_time(at(9))

    context, _ = times(day=day)

    counts = {a_day.date: a_day.count for a_day in context["strip"].days}
    assert len(counts) == 7
    assert counts[day] == 13
    assert counts[day + timedelta(days=1)] == 14


def test_times_of_a_day_are_grouped_and_earliest_first(times, day, dana):
    context, page = times(day=day)

    [harbour] = context["places"]
    assert (harbour.place, harbour.at) == ("Harbour Street", list_choices(context)[0].at)
    assert [(name, [choice.time for choice in choices]) for name, choices in harbour.parts] == [
        ("Morning", ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]),
        ("Afternoon", ["13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30"]),
    ]
    assert "Harbour Street London time (GMT) Morning 09:00 09:30" in page.text.replace("BST", "GMT")


def test_times_page_without_day_shows_the_first_free_one(times, dana):
    WorkingHours.objects.exclude(weekday=2).delete()

    context, _ = times()

    assert context["chosen"].weekday() == 2
    assert context["places"]


def test_strips_lead_to_the_horizon_and_back(times, dana):
    context, page = times()
    seen = [context["strip"].days[0].date]
    while later := context["strip"].later:
        context, page = times(start=later)
        seen.append(context["strip"].days[0].date)

    assert [(later - seen[0]).days for later in seen] == [0, 7, 14, 21, 28, 35, 42, 49, 56]
    assert context["strip"].earlier == seen[-2]
    assert f"/book/consultation/?start={seen[-2]}" in page.links


def test_filter_stays_when_another_day_is_chosen(times, day, dana, otis):
    _, page = times(clinician=dana.pk, where="in-person", day=day)

    tomorrow = day + timedelta(days=1)
    assert f"/book/consultation/?clinician={dana.pk}&where=in-person&day={tomorrow}" in page.links


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, {"Dana Reed": "Harbour Street", "Otis Hale": "Hudson Square, Video"}),
        ({"clinician": "dana"}, {"Dana Reed": "Harbour Street"}),
        ({"where": "video"}, {"Otis Hale": "Video"}),
        ({"where": "in-person"}, {"Dana Reed": "Harbour Street", "Otis Hale": "Hudson Square"}),
        ({"where": "hudson"}, {"Otis Hale": "Hudson Square"}),
        ({"clinician": "dana", "where": "video"}, {}),
    ],
)
def test_filters_narrow_to_clinician_place_and_video(times, day, dana, otis, wish, found):
    ids = {"dana": dana.pk, "hudson": Location.objects.get(name="Hudson Square").pk}

    context, _ = times(day=day, **{name: ids.get(value, value) for name, value in wish.items()})

    choices = list_choices(context)
    who = sorted({choice.clinician for choice in choices})
    assert {name: ", ".join(sorted({c.place for c in choices if c.clinician == name})) for name in who} == found


def test_filter_with_a_single_option_is_not_shown(times, dana):
    _, page = times()

    assert "id_clinician" not in page.ids
    assert "id_where" not in page.ids


def test_times_are_on_the_clock_of_the_clinic(times, day, dana, otis):
    context, page = times(day=day, clinician=otis.pk, where="in-person")

    assert [choice.time for choice in list_choices(context)] == ["09:00", "09:30", "10:00", "10:30"]
    assert "Hudson Square New York time (E" in page.text


def test_times_of_several_places_stand_under_their_places_by_name(times, day, dana, otis):
    context, _ = times(day=day)

    assert [(place.place, place.zone.partition(" (")[0], place.parts[0][1][0].zone) for place in context["places"]] == [
        ("Harbour Street", "London time", ""),
        ("Hudson Square", "New York time", ""),
        ("Video", "New York time", ""),
    ]


def test_location_filter_lists_modes_first_then_locations_by_name(times, dana, otis, consultation):
    attic = Location.objects.create(name="attic", timezone="Europe/London")
    make_clinician("Zoe Adler", location=attic, services=[consultation])

    context, _ = times()

    *ways, places = context["wish"].fields["where"].choices
    assert ways == [("", "Anywhere"), ("in-person", "In person, anywhere"), ("video", "Video call")]
    assert places == (
        "Places",
        [(str(Location.objects.get(name=name).pk), name) for name in ("attic", "Harbour Street", "Hudson Square")],
    )


def test_empty_day_leads_to_the_next_free_one(times, day, dana):
    WorkingHours.objects.filter(weekday=day.weekday()).delete()

    context, page = times(day=day)

    assert "No times are free on this day" in page.text
    assert context["next_free"] == day + timedelta(days=1)
    assert f"/book/consultation/?day={day + timedelta(days=1)}" in page.links


def test_page_without_free_time_for_weeks_jumps_to_the_first_and_says_so(times, dana):
    Service.objects.update(notice=timedelta(days=30))

    context, page = times()

    first = context["chosen"]
    assert first == context["places"][0].at.date()
    assert next(a_day.date for a_day in context["strip"].days if a_day.count) == first
    assert context["strip"].earlier is not None
    assert context["remarks"] == [f"Nothing is free before {first:%A} {first.day} {first:%B}."]
    assert context["remarks"][0] in page.text


def test_empty_strip_that_was_chosen_leads_to_the_next_free_day(times, dana):
    Service.objects.update(notice=timedelta(days=30))

    context, _ = times(start=times()[0]["strip"].earlier - timedelta(days=7))

    assert not any(a_day.count for a_day in context["strip"].days)
    assert times(day=context["next_free"])[0]["places"]


def test_times_page_without_any_free_time_says_so(times, consultation):
    _, page = times()

    assert "There are none later either. Please call the clinic." in page.text


def test_filters_that_match_nothing_offer_to_drop_them(times, dana, otis):
    _, page = times(clinician=dana.pk, where="video")

    assert "Show every clinician and place" in page.text


def test_day_before_today_or_beyond_the_horizon_is_explained(times, day, dana):
    assert "That day is over." in times(day="2020-02-29")[1].text
    assert "Bookings are open until" in times(day="9999-12-31")[1].text
    assert "That day is over." in times(start="0001-01-01")[1].text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"clinician": "somebody"}, "We do not know that clinician"),
        ({"clinician": "\x00"}, "We do not know that clinician"),
        ({"where": "\u202eabc"}, "We do not know that place"),
        ({"day": "2026-02-30"}, "We could not read that date"),
        ({"day": "-1"}, "We could not read that date"),
        ({"start": "9" * 10_000}, "We could not read that date"),
        ({"hold": "x" * 10_000}, "We do not know that hold"),
    ],
)
def test_times_page_with_malformed_query_is_400_and_explains(client, dana, query, sentence):
    with nothing_changes():
        response = client.get("/book/consultation/", query)

    assert response.status_code == 400
    assert sentence in Page(response).text
    assert response.context["places"]


def test_own_held_time_is_free_and_marked(times, day, held, opening):
    context, page = times(day=day, hold=held.token)

    [own] = [choice for choice in list_choices(context) if choice.is_own]
    assert own.value == opening(held.starts_at)
    assert "09:00 Held for you" in page.text
    assert context["strip"].days[0].count == 14


def test_own_held_time_past_notice_or_outside_filter_stays(times, day, held, otis):
    Service.objects.update(notice=timedelta(days=20))
    context, _ = times(day=day, hold=held.token)
    assert [choice.time for choice in list_choices(context)] == ["09:00"]

    Service.objects.update(notice=timedelta())
    _, page = times(day=day, hold=held.token, clinician=otis.pk)
    assert "Held for you" in page.text


def test_held_time_of_another_patient_is_not_shown(times, day, held):
    context, page = times(day=day)

    assert "Held for you" not in page.text
    assert context["strip"].days[0].count == 13


def test_times_page_with_expired_hold_explains(times, held, lapsed):
    assert "no longer held for you" in times(hold=held.token)[1].text


def test_times_page_takes_few_queries_however_many_clinicians(
    client, django_assert_max_num_queries, consultation, harbour, dana, held, day, settings
):
    settings.SITE_URL = "https://booking.clinic.example"  # without it there is no waiting list
    client.get("/book/consultation/")  # reads what a process keeps
    with django_assert_max_num_queries(8):
        client.get("/book/consultation/", {"day": day, "hold": held.token})
    for name in ("Otis Hale", "Ines Roth", "Bo Lind"):
        make_clinician(name, location=harbour, services=[consultation])
    with django_assert_max_num_queries(8):
        client.get("/book/consultation/", {"day": day, "hold": held.token})


def test_nearest_times_are_near_in_place_before_near_in_time(
    client, dana, harbour, consultation, opening, hold_time, at, day
):
    Location.objects.filter(pk=harbour.pk).update(latitude=51.5155, longitude=-0.0722)
    for name, city, latitude in [("Far", "Leeds", 53.8), ("Quay", "London", 51.5)]:
        place = Location.objects.create(name=name, timezone="Europe/London", city=city, latitude=latitude, longitude=0)
        make_clinician(f"Doctor of {name}", location=place, services=[consultation])
    dana.working_hours.exclude(weekday=day.weekday(), start_time="09:00").delete()
    dana.working_hours.update(end_time="09:30")
    hold_time(at(9))

    page = client.post("/book/consultation/hold", {"opening": opening(at(9))})

    assert page.status_code == 409
    assert [(choice.place, choice.day, choice.time) for choice in page.context["nearest"]] == [
        ("Harbour Street", day + timedelta(days=7), "09:00"),
        ("Quay", day, "09:00"),
        ("Quay", day, "09:30"),
    ]


def test_place_chosen_before_the_service_is_kept_and_explained(times, client, dana, otis, harbour, consultation):
    other = Service.objects.create(name="Other", slug="other", notice=timedelta(), horizon=timedelta(days=60))
    dana.services.add(other)
    hudson = Location.objects.get(name="Hudson Square")

    _, page = times(where=hudson.pk)
    elsewhere = client.get("/book/other/", {"where": hudson.pk})

    assert f"/?where={hudson.pk}" in page.links
    assert elsewhere.status_code == 200
    assert "This is not offered where you chose" in Page(elsewhere).text
    assert [place.place for place in elsewhere.context["places"]] == ["Harbour Street"]


def test_private_service_is_booked_by_its_address_only(client, times, dana, opening, at):
    Service.objects.update(is_private=True)

    assert "Consultation" not in Page(client.get("/")).text
    assert times()[0]["places"]
    assert client.post("/book/consultation/hold", {"opening": opening(at(9))}).status_code == 303
