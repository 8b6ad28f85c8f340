"""Managers change the schedule and are asked before visits lose their time."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from booking.models import StrandedVisit
from scheduling.models import Clinician, Location, Service, TimeOff, WorkingHours
from tests.booking.admin.pages import count_queries, get_text, list_messages, url
from tests.ledger import nothing_changes

TIME_OFF, CLINICIANS, SERVICES, LOCATIONS = (
    f"scheduling_{model}" for model in ("timeoff", "clinician", "service", "location")
)


def time_off(day, start, end, **owner):
    return owner | {
        "starts_at_0": day.isoformat(),
        "starts_at_1": start,
        "ends_at_0": day.isoformat(),
        "ends_at_1": end,
        "reason": "Training",
    }


EMPTY_FORMSETS = {
    f"{name}-{what}_FORMS": "0"
    for name in ("time_off", "working_hours", "extra_hours")
    for what in ("TOTAL", "INITIAL")
}


def hours_form(clinician, keep=None):
    """Return the clinician's form data with the working hours for which ``keep`` is true."""
    hours = list(clinician.working_hours.all())
    form = {
        "name": clinician.name,
        "title": clinician.title,
        "services": [str(service.pk) for service in clinician.services.all()],
        "is_active": "on",
        **EMPTY_FORMSETS,
        "working_hours-TOTAL_FORMS": str(len(hours)),
        "working_hours-INITIAL_FORMS": str(len(hours)),
    }
    for number, rule in enumerate(hours):
        form |= {
            f"working_hours-{number}-{name}": str(getattr(rule, name))
            for name in ("id", "weekday", "start_time", "end_time", "every_weeks")
        }
        form[f"working_hours-{number}-location"] = str(rule.location_id)
        form[f"working_hours-{number}-clinician"] = str(rule.clinician_id)
        if keep and not keep(rule):
            form[f"working_hours-{number}-DELETE"] = "on"
    return form


def save_after_question(browser, address, form, sentence):
    """Send a form that would strand visits: it asks and saves nothing, and saves and marks them when it is sent again.

    Return the last response.
    """
    with nothing_changes():
        question = browser.post(address, form)
    assert (question.status_code, sentence in get_text(question)) == (200, True), get_text(question)
    assert not StrandedVisit.objects.exists()
    return browser.post(address, form | {"strands": question.context_data["accepted"]})


def test_time_off_over_appointments_asks_first(morgan, dana, book, at, day):
    book(at(9))
    book(at(10))
    book(at(14))

    form = time_off(day, "08:00", "12:00", clinician=str(dana.pk))
    response = save_after_question(morgan, url(TIME_OFF, "add"), form, "2 coming visits could not take place")

    assert response.status_code == 302
    assert TimeOff.objects.count() == 1
    assert [visit.cause for visit in StrandedVisit.objects.all()] == ["away", "away"]


def test_time_off_beside_appointments_does_not_ask(morgan, dana, book, at, day):
    book(at(9))

    response = morgan.post(url(TIME_OFF, "add"), time_off(day, "09:30", "12:00", clinician=str(dana.pk)))

    assert len(list_messages(response)) == 1  # only the message that it was saved
    assert TimeOff.objects.get().starts_at == at(9, 30)


def test_close_location_over_appointment_asks_first(morgan, harbour, book, at, day):
    book(at(9))

    form = time_off(day, "00:00", "23:00", location=str(harbour.pk))
    save_after_question(morgan, url(TIME_OFF, "add"), form, "1 coming visit could not take place")

    assert StrandedVisit.objects.get().cause == "closed"


def test_time_off_is_typed_and_shown_in_locations_zone(morgan, consultation):
    tokyo = Location.objects.create(name="Ginza", city="Tokyo", timezone="Asia/Tokyo")
    clinician = Clinician.objects.create(name="Aiko Mori")
    WorkingHours.objects.create(clinician=clinician, location=tokyo, weekday=0, start_time=time(9), end_time=time(17))
    day = datetime(2030, 7, 1, tzinfo=UTC).date()

    for owner in ({"clinician": str(clinician.pk)}, {"location": str(tokyo.pk)}):
        TimeOff.objects.all().delete()
        morgan.post(url(TIME_OFF, "add"), time_off(day, "09:00", "18:00", **owner))

        saved = TimeOff.objects.get()
        assert (saved.starts_at, saved.ends_at) == (
            datetime(2030, 7, 1, 0, tzinfo=UTC),
            datetime(2030, 7, 1, 9, tzinfo=UTC),
        )
        assert "Mon 1 Jul 2030, 09:00 JST" in get_text(morgan.get(url(TIME_OFF)))
        form = morgan.get(url(TIME_OFF, "change", saved.pk)).content.decode()
        assert 'value="09:00"' in form
        assert 'value="18:00"' in form


@pytest.fixture
def berlin(db):
    return Location.objects.create(name="Spree", city="Berlin", timezone="Europe/Berlin")


SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)


@pytest.mark.parametrize(
    ("day", "instant"),
    [(SPRING, datetime(2027, 3, 28, 0, 30, tzinfo=UTC)), (AUTUMN, datetime(2027, 10, 30, 23, 30, tzinfo=UTC))],
)
def test_time_off_in_hour_skipped_elsewhere_is_saved(morgan, berlin, day, instant):
    """01:30 is skipped or repeated in London, but exists once in Berlin."""
    morgan.post(url(TIME_OFF, "add"), time_off(day, "01:30", "12:00", location=str(berlin.pk)))

    saved = TimeOff.objects.get()
    assert (saved.starts_at, saved.ends_at) == (instant, datetime(day.year, day.month, day.day, 12, tzinfo=berlin.zone))
    morgan.post(url(TIME_OFF, "change", saved.pk), time_off(day, "01:30", "13:00", location=str(berlin.pk)))
    again = TimeOff.objects.get()
    assert (again.starts_at, again.ends_at) == (instant, saved.ends_at + timedelta(hours=1))


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_time_off_in_skipped_or_repeated_hour_is_refused(morgan, berlin, day):
    response = morgan.post(url(TIME_OFF, "add"), time_off(day, "02:30", "12:00", location=str(berlin.pk)))

    assert "couldn’t be interpreted in time zone Europe/Berlin" in get_text(response)
    assert TimeOff.objects.count() == 0


def test_location_time_off_in_skipped_hour_is_refused(morgan, harbour):
    spring = datetime(2030, 3, 31, tzinfo=UTC).date()

    response = morgan.post(url(TIME_OFF, "add"), time_off(spring, "01:30", "05:00", location=str(harbour.pk)))

    assert "it may be ambiguous or it may not exist" in get_text(response)
    assert TimeOff.objects.count() == 0


@pytest.mark.parametrize(
    ("start", "last", "end", "hours"),
    [
        ("", 0, "", (0, 24)),
        ("", None, "", (0, 24)),
        ("", 1, "", (0, 48)),
        ("10:00", None, "11:30", (10, 11.5)),
        ("13:00", None, "", (13, 24)),
        ("", None, "12:00", (0, 12)),
    ],
)
def test_time_off_without_times_covers_whole_days(morgan, dana, at, day, start, last, end, hours):
    form = time_off(day, start, end, clinician=str(dana.pk))
    form["ends_at_0"] = "" if last is None else str(day + timedelta(days=last))

    morgan.post(url(TIME_OFF, "add"), form)

    made = TimeOff.objects.get()
    assert (made.starts_at, made.ends_at) == tuple(at(0) + timedelta(hours=number) for number in hours)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"starts_at_0": ""}, "Write the first day."),
        ({"starts_at_0": "soon"}, "Write the day such as 30/11/2026."),
        ({"starts_at_1": "early"}, "Write the time such as 09:30."),
        ({"ends_at_0": "9999-12-31", "ends_at_1": ""}, "Ensure this value is less than or equal to 2200-01-01."),
        ({"ends_at_1": "08:00"}, "The end must be after the start."),
    ],
)
def test_time_off_with_invalid_input_shows_error(morgan, dana, day, wrong, sentence):
    form = time_off(day, "09:00", "10:00", clinician=str(dana.pk)) | wrong

    assert sentence in get_text(morgan.post(url(TIME_OFF, "add"), form))
    assert TimeOff.objects.count() == 0


@pytest.mark.parametrize("owners", [(), ("clinician", "location")])
def test_time_off_requires_either_clinician_or_location(morgan, dana, harbour, day, owners):
    owner = {name: str({"clinician": dana, "location": harbour}[name].pk) for name in owners}

    response = morgan.post(url(TIME_OFF, "add"), time_off(day, "09:00", "10:00", **owner))

    assert "Choose either a clinician or a location." in get_text(response)
    assert TimeOff.objects.count() == 0


def test_narrower_hours_ask_about_appointments_outside(morgan, dana, book, at):
    book(at(9))
    afternoon = book(at(14))

    form = hours_form(dana, keep=lambda rule: rule.start_time == time(9))
    save_after_question(morgan, url(CLINICIANS, "change", dana.pk), form, "Outside the clinician’s hours")

    assert (dana.working_hours.count(), StrandedVisit.objects.get().appointment) == (7, afternoon)


def test_unchanged_hours_do_not_ask(morgan, dana, book, at):
    book(at(9))

    response = morgan.post(url(CLINICIANS, "change", dana.pk), hours_form(dana))

    assert response.status_code == 302
    assert len(list_messages(response)) == 1


def test_clinician_without_services_or_hours_warns(morgan, dana):
    nothing = {
        "name": "Otis Hale",
        "title": "",
        "bio": "",
        "is_active": "on",
        **EMPTY_FORMSETS,
    }

    assert list_messages(morgan.post(url(CLINICIANS, "add"), nothing))[0] == (
        "Nobody can book Otis Hale yet: no services, no working hours."
    )


def test_clinician_with_appointments_can_be_deactivated_but_not_deleted(morgan, dana, book, at):
    book(at(9))

    assert morgan.post(url(CLINICIANS, "delete", dana.pk), {"post": "yes"}).status_code == 403
    form = hours_form(dana)
    del form["is_active"]
    save_after_question(morgan, url(CLINICIANS, "change", dana.pk), form, "The clinician is no longer offered")

    assert Clinician.objects.filter(is_active=False).count() == 1


def test_unreferenced_clinician_can_be_deleted(morgan, dana):
    assert morgan.post(url(CLINICIANS, "delete", dana.pk), {"post": "yes"}).status_code == 302
    assert Clinician.objects.count() == 0


def test_change_of_locations_zone_asks_about_appointments(morgan, harbour, book, at):
    book(at(9))
    form = {
        name: getattr(harbour, name)
        for name in (
            "name",
            "hold_seconds",
            "address_line_1",
            "city",
            "postcode",
            "country",
            "phone",
            "email",
            "directions",
        )
    }

    form |= {"timezone": "Europe/Berlin", "is_active": "on"}
    save_after_question(morgan, url(LOCATIONS, "change", harbour.pk), form, "It shows another local time")

    assert StrandedVisit.objects.get().cause == "zone"


def service_form(**changes):
    return {
        "name": "Consultation",
        "slug": "consultation",
        "mode": "in_person",
        "price": "60",
        "currency": "GBP",
        "position": "0",
        "color": "#2563eb",
        "duration": "45 min",
        "buffer_before": "0",
        "buffer_after": "1 h 30 min",
        "step": "15",
        "notice": "2 h",
        "horizon": "60 days",
        "cancellation_notice": "1 day",
        "is_active": "on",
        **changes,
    }


def test_service_durations_are_typed_and_shown_as_text(morgan):
    morgan.post(url(SERVICES, "add"), service_form())

    service = Service.objects.get()
    assert (service.duration, service.buffer_after, service.step, service.horizon) == (
        timedelta(minutes=45),
        timedelta(minutes=90),
        timedelta(minutes=15),
        timedelta(days=60),
    )
    form = morgan.get(url(SERVICES, "change", service.pk)).content.decode()
    assert 'value="45 min"' in form
    assert 'value="1 h 30 min"' in form
    assert 'value="60 days"' in form


def test_service_reminders_are_typed_as_a_list_and_written_anew_for_visits_to_come(morgan, book, at, consultation):
    visit = book(at(14))
    page = url(SERVICES, "change", consultation.pk)
    assert 'name="email_reminders" value="2 days, 2 h"' in morgan.get(page).text

    for typed, sentence in {
        "soon": "Write lengths of time such as 48 h, 2 h.",
        "1 h, 2 h, 3 h, 4 h, 5 h, 6 h": "Write 5 at most.",
        "5 min": "Write whole minutes from 15 min to 28 days.",
    }.items():
        assert sentence in get_text(morgan.post(page, service_form(email_reminders=typed)))
    assert morgan.post(page, service_form(email_reminders="90 min, 3 days, 90 min")).status_code == 302

    consultation.refresh_from_db()
    assert consultation.email_reminders == [timedelta(days=3), timedelta(minutes=90)]
    assert [visit.starts_at - each.due_at for each in visit.reminders.all()] == consultation.email_reminders


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("soon", "Write a length of time such as 30 min, 1 h 30 min or 60 days."),
        ("-5", "Write a length of time such as 30 min, 1 h 30 min or 60 days."),
        ("0", "Write whole minutes from 1 min to 12 h."),
        ("9999999 weeks 9999999 weeks", "Write whole minutes from 1 min to 12 h."),
        ("1" * 5000 + "!", "Write a length of time such as 30 min, 1 h 30 min or 60 days."),
    ],
)
def test_service_with_invalid_duration_is_refused(morgan, typed, sentence):
    response = morgan.post(url(SERVICES, "add"), service_form(duration=typed))

    assert sentence in get_text(response)
    assert Service.objects.count() == 0


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (("60", "GBP"), "60.00 GBP"),
        (("5000", "JPY"), "5000 JPY"),
        (("12.500", "KWD"), "12.500 KWD"),
        (("0.3471", "CLF"), "0.3471 CLF"),
        (("25.5", "idr"), "25.50 IDR"),
    ],
)
def test_service_price_has_the_decimals_of_its_currency(morgan, typed, shown):
    morgan.post(url(SERVICES, "add"), service_form(price=typed[0], currency=typed[1]))

    assert shown in get_text(morgan.get(url(SERVICES)))
    page = morgan.get(url(SERVICES, "change", Service.objects.get().pk)).content.decode()
    assert f'name="price" value="{shown.partition(" ")[0]}" step="any"' in page.replace(' min="0"', "")


@pytest.mark.parametrize(
    ("price", "currency", "sentence"),
    [
        ("5000.50", "JPY", "Prices in JPY have no decimals."),
        ("60.125", "GBP", "Prices in GBP have 2 decimals."),
        ("12.5001", "KWD", "Prices in KWD have 3 decimals."),
        ("60", "EURO", "Ensure this value has at most 3 characters (it has 4)."),
        ("60", "ABC", "“ABC” is not an ISO 4217 code of money. Write one such as GBP."),
        ("60", "XAU", "“XAU” is not an ISO 4217 code of money. Write one such as GBP."),
    ],
)
def test_service_price_that_its_currency_cannot_have_is_refused(morgan, price, currency, sentence):
    response = morgan.post(url(SERVICES, "add"), service_form(price=price, currency=currency))

    assert sentence in get_text(response)
    assert Service.objects.count() == 0


def test_service_currency_change_is_judged_with_the_price_that_stands(morgan, consultation):
    Service.objects.update(price="62.50")

    response = morgan.post(url(SERVICES, "change", consultation.pk), service_form(price="62.50", currency="JPY"))

    assert "Prices in JPY have no decimals." in get_text(response)
    assert Service.objects.get().currency == "GBP"


def test_service_price_that_was_valid_once_blocks_no_other_change(morgan, consultation):
    Service.objects.update(price="80.125", currency="BGN")

    morgan.post(url(SERVICES, "change", consultation.pk), service_form(name="Check-up", price="80.125", currency="BGN"))

    assert Service.objects.values_list("name", "price", "currency").get() == ("Check-up", Decimal("80.1250"), "BGN")


@pytest.mark.parametrize("model", ["clinician", "timeoff", "slot", "service", "location"])
def test_schedule_list_query_count_is_constant(morgan, harbour, consultation, dana, book, at, model):
    def more(numbers):
        for number in numbers:
            clinician = Clinician.objects.create(name=f"Clinician {number}")
            clinician.services.set([consultation, Service.objects.create(name=f"S{number}", slug=f"s{number}")])
            Location.objects.create(name=f"Location {number}", city="London")
            TimeOff.objects.create(clinician=clinician, starts_at=at(9), ends_at=at(10))

    book(at(9))
    more(range(4))
    for_few = count_queries(morgan, url(f"scheduling_{model}"))
    book(at(10))
    more(range(4, 20))

    assert count_queries(morgan, url(f"scheduling_{model}")) == for_few


def test_slots_are_read_only(morgan, admin_client, book, at):
    slot = book(at(9)).slot

    for browser in (morgan, admin_client):
        assert browser.get(url("scheduling_slot", "add")).status_code == 403
        assert browser.post(url("scheduling_slot", "delete", slot.pk), {"post": "yes"}).status_code == 403


@pytest.fixture
def mill():
    return Location.objects.create(name="Mill Lane", city="London", timezone="Europe/London")


def add_row(form, kind, **fields):
    """Return the form of a clinician with one more row of that kind."""
    number = int(form[f"{kind}-TOTAL_FORMS"])
    row = {f"{kind}-{number}-{name}": str(value) for name, value in fields.items()}
    return form | row | {f"{kind}-TOTAL_FORMS": str(number + 1)}


def test_extra_hours_and_hours_of_every_second_week_are_entered_with_the_clinician(morgan, dana, harbour, day):
    form = add_row(hours_form(dana), "extra_hours", location=harbour.pk, date=day, start_time="18:00", end_time="20:00")
    weekly = {"weekday": 0, "start_time": "18:00", "end_time": "20:00", "valid_from": day, "every_weeks": 2}

    response = morgan.post(
        url(CLINICIANS, "change", dana.pk),
        add_row(form, "working_hours", location=harbour.pk, valid_until=day + timedelta(days=90), **weekly)
        | {"weight": "0.5"},
    )

    assert response.status_code == 302
    assert [str(row) for row in dana.extra_hours.all()] == [f"{day} 18:00–20:00"]
    rule = dana.working_hours.get(start_time=time(18))
    assert (rule.valid_from, rule.valid_until, rule.every_weeks) == (day, day + timedelta(days=90), 2)
    dana.refresh_from_db()
    assert dana.weight == Decimal("0.5")
    page = get_text(morgan.get(url(CLINICIANS, "change", dana.pk)))
    assert "extra hours on a date, from today on" in page.lower()


def test_new_hours_that_overlap_others_elsewhere_are_refused_on_their_row(morgan, dana, mill, day):
    saved = hours_form(dana)
    late = {"start_time": "16:00", "end_time": "18:00", "location": mill.pk}
    form = add_row(saved, "working_hours", weekday=day.weekday(), valid_from=day, **late)
    form = add_row(form, "extra_hours", date=day, **late | {"start_time": "08:00"})
    form = add_row(form, "extra_hours", date=day, **late | {"start_time": "17:00"})

    response = morgan.post(url(CLINICIANS, "change", dana.pk), form)

    *_, weekly, extra, _ = (formset.formset for formset in response.context["inline_admin_formsets"])
    name = WorkingHours.Weekday(day.weekday()).label
    assert [each for each in weekly.errors if each] == [
        {"location": [f"On {day:%-d %B %Y} this overlaps {name} 13:00–17:00 at Harbour Street."]}
    ]
    assert extra.errors == [
        {"location": [f"On {day:%-d %B %Y} this overlaps {name} 09:00–12:00 at Harbour Street."]},
        {},
    ]
    assert (dana.working_hours.count(), dana.extra_hours.count()) == (14, 0)


def test_old_overlapping_hours_do_not_block_saving_something_else(morgan, dana, mill, harbour):
    WorkingHours.objects.create(clinician=dana, location=mill, weekday=0, start_time=time(9), end_time=time(12))
    form = add_row(
        hours_form(dana), "working_hours", location=harbour.pk, weekday=0, start_time="18:00", end_time="20:00"
    )

    response = morgan.post(url(CLINICIANS, "change", dana.pk), form | {"name": "Dana Reid"})

    assert response.status_code == 302
    assert dana.working_hours.count() == 16


def test_same_hours_in_person_and_by_video_at_one_place_are_allowed(morgan, dana, harbour):
    video = {"weekday": 0, "start_time": "09:00", "end_time": "12:00", "is_remote": "on"}

    response = morgan.post(
        url(CLINICIANS, "change", dana.pk), add_row(hours_form(dana), "working_hours", location=harbour.pk, **video)
    )

    assert response.status_code == 302
    assert dana.working_hours.filter(is_remote=True).count() == 1
