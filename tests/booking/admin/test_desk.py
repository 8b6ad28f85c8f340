"""At the desk: a time is booked for whoever calls, and an appointment is given another one."""

import re
from datetime import date, datetime, time, timedelta
from uuid import uuid4

import pytest

from booking.models import Appointment, Event, OutboxMessage, Provider
from patients.models import Patient
from scheduling.models import Clinician, Location, Service, WorkingHours
from tests.booking.admin.pages import said, shown, url
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

APPOINTMENTS = "booking_appointment"
NEW = {
    "new-first_name": "Nora",
    "new-last_name": "Quill",
    "new-date_of_birth": "3/2/1950",
    "new-email": "",
    "new-phone": "07700 900999",
    "patient": "",
    "notes": "",
}


def offered(response):
    """The times on the page: {local time: value}, of each the first."""
    found = re.findall(r'name="opening" value="([^"]+)".*?<span>(.*?)</span>', response.content.decode())
    return {time: value for value, time in reversed(found)}


@pytest.fixture
def choice(consultation, day):
    """What is asked for: a consultation on a day next week, with anybody anywhere."""
    return {
        "service": str(consultation.pk),
        "clinician": "",
        "location": "",
        "visit": "",
        "day": str(day),
        "why": "",
    }


@pytest.fixture
def known(alice):
    """Alice, who is written down."""
    alice.save()
    return alice


def test_the_page_begins_with_the_question_what_for(erin, dana):
    page = shown(erin.get(url(APPOINTMENTS, "add")))

    assert "Choose what for, and see the free times." in page


def test_the_free_times_of_a_day_are_shown_and_how_many_there_are_on_others(erin, dana, choice, book, at):
    book(at(9))

    page = erin.post(url(APPOINTMENTS, "add"), choice)

    assert sorted(offered(page)) == [
        "09:30",
        "10:00",
        "10:30",
        "11:00",
        "11:30",
        "13:00",
        "13:30",
        "14:00",
        "14:30",
        "15:00",
        "15:30",
        "16:00",
        "16:30",
    ]
    assert f"{at(9):%a} {at(9):%-d %b} 13" in shown(page)


def test_a_known_patient_is_booked(erin, dana, harbour, choice, known, at):
    page = erin.post(url(APPOINTMENTS, "add"), choice)
    form = choice | NEW | {"patient": str(known.pk), "notes": "Rang at nine", "opening": offered(page)["10:00"]}

    response = erin.post(url(APPOINTMENTS, "add"), form | {"book": "Book"})

    made = Appointment.objects.get()
    assert response["Location"] == url(APPOINTMENTS, "change", made.pk)
    assert said(response) == [f"{made.reference} is booked."]
    assert (made.patient, made.starts_at, made.clinician, made.location, made.status, made.notes) == (
        known,
        at(10),
        dana,
        harbour,
        "confirmed",
        "Rang at nine",
    )
    assert {event.actor for event in Event.objects.filter(subject_id=made.pk)} == {f"staff:{erin.user.pk}"}
    assert OutboxMessage.objects.filter(kind="email.appointment_confirmed").exists()
    assert Patient.objects.count() == 1


def test_somebody_new_is_written_down_with_the_booking(erin, dana, choice):
    page = erin.post(url(APPOINTMENTS, "add"), choice)

    response = erin.post(url(APPOINTMENTS, "add"), choice | NEW | {"opening": offered(page)["10:00"], "book": "Book"})

    made = Appointment.objects.get()
    assert (str(made.patient), made.patient.phone, made.attendee_phone) == (
        "Nora Quill",
        "+447700900999",
        "+447700900999",
    )
    assert said(response)[-1] == "No e-mail address is known, so nothing was sent: tell them the time."


def test_who_is_written_down_already_is_not_written_down_twice(erin, dana, choice, known):
    page = erin.post(url(APPOINTMENTS, "add"), choice)
    same = {
        "new-first_name": "ALICE",
        "new-last_name": "Archer",
        "new-date_of_birth": "12/4/1985",
        "new-email": "alice@example.org",
    }

    erin.post(url(APPOINTMENTS, "add"), choice | NEW | same | {"opening": offered(page)["10:00"], "book": "Book"})

    assert Appointment.objects.get().patient == known
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ({"opening": ""}, "Choose a time."),
        ({"opening": "nonsense"}, "That time has just been taken: choose another one."),
        ({"new-last_name": ""}, "This field is required."),
        ({"new-phone": ""}, "Write down an e-mail address or a phone number."),
        ({"notes": "\u202egnissim"}, "Please remove the invisible or unreadable characters."),
        ({"patient": "nonsense", "new-last_name": ""}, "This field is required."),
        ({"day": "2020-01-01"}, "Choose a day from today on."),
        ({"service": ""}, "Choose what for, and see the free times."),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_what_was_typed_stays(erin, dana, choice, missing, sentence):
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))
    form = choice | NEW | {"opening": times["10:00"], "book": "Book"} | missing

    with nothing_changes():
        response = erin.post(url(APPOINTMENTS, "add"), form)

    assert sentence in shown(response)
    assert ("taken" in shown(response)) == ("taken" in sentence)
    assert 'value="Nora"' in response.content.decode()


def test_to_see_other_times_loses_nothing_and_complains_of_nothing(erin, dana, choice, day):
    another = str(day + timedelta(days=1))

    page = erin.post(url(APPOINTMENTS, "add"), choice | NEW | {"new-last_name": "", "to": another})

    assert 'value="Nora"' in page.content.decode()
    assert "This field is required." not in shown(page)
    assert f'value="{another}" aria-current="date"' in page.content.decode()


def test_pressed_twice_it_is_booked_once_and_the_second_press_leads_to_it(erin, dana, choice, known):
    form = {**choice, "patient": str(known.pk), "notes": "", "book": "Book"}
    form["opening"] = offered(erin.post(url(APPOINTMENTS, "add"), choice))["09:00"]
    form["new_id"] = str(uuid4())

    answers = [erin.post(url(APPOINTMENTS, "add"), form) for _ in range(2)]

    booked = Appointment.objects.get()
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, url(APPOINTMENTS, "change", booked.pk))
    ] * 2


def test_an_appointment_with_somebody_who_has_left_can_be_given_to_somebody_else(erin, dana, harbour, book, at):
    appointment = book(at(9))
    make_clinician("Otis Hale", location=harbour, services=[appointment.service])
    Clinician.objects.filter(pk=dana.pk).update(is_active=False)

    page = shown(erin.get(f"/admin/booking/appointment/{appointment.pk}/another-time/"))

    assert "Otis Hale" in page
    assert "Select a valid choice" not in page


def test_whoever_was_quicker_has_it(erin, dana, choice, known, book, at):
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))
    book(at(10))
    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}

    with nothing_changes():
        response = erin.post(url(APPOINTMENTS, "add"), form)

    assert "That time has just been taken: choose another one." in shown(response)
    assert "10:00" not in offered(response)


def test_who_stands_at_the_desk_need_not_be_announced_in_time(erin, dana, choice, known, consultation, at):
    consultation.notice = timedelta(days=30)
    consultation.save()
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    erin.post(url(APPOINTMENTS, "add"), form)

    assert Appointment.objects.get().starts_at == at(10)
    consultation.refresh_from_db()
    assert consultation.notice == timedelta(days=30)


def test_why_a_time_is_not_offered_is_said(erin, dana, choice, hold_time, at):
    hold_time(at(10))

    def why(time):
        page = shown(erin.post(url(APPOINTMENTS, "add"), choice | {"why": time}))
        return page.partition(f"Dana Reed , Harbour Street, {time}: ")[2].partition(".")[0]

    assert why("10:00") == "somebody is just booking it, and holds it for some minutes"
    assert why("12:15") == "outside the working hours, or not one of the service's starts"
    assert why("11:00") == "is free"


def test_of_a_clinician_in_person_and_by_video_it_is_said_of_each(erin, dana, harbour, choice, day):
    Service.objects.update(mode="both")
    WorkingHours.objects.create(
        clinician=dana, location=harbour, weekday=day.weekday(), start_time="17:00", end_time="18:00", is_remote=True
    )

    page = shown(erin.post(url(APPOINTMENTS, "add"), choice | {"why": "17:00"}))

    assert "Dana Reed , Harbour Street, 17:00: outside the working hours" in page
    assert "Dana Reed , by video (Harbour Street), 17:00: is free." in page


def test_times_elsewhere_have_the_name_of_their_zone(erin, dana, choice, consultation, day):
    Location.objects.create(name="Mill Lane", timezone="Europe/London")
    berlin = Location.objects.create(name="Spreeufer", timezone="Europe/Berlin")
    make_clinician("Otis Hale", location=berlin, services=[consultation])
    zone = f"{datetime.combine(day, time(9), berlin.zone):%Z}"

    page = erin.post(url(APPOINTMENTS, "add"), choice | {"why": "10:15"})

    assert {"09:00", f"09:00 {zone}"} <= set(offered(page))
    assert f"Otis Hale , Spreeufer, 10:15 {zone}: outside the working hours" in shown(page)
    assert "Dana Reed , Harbour Street, 10:15: outside the working hours" in shown(page)


def test_without_a_day_the_first_with_something_free_is_shown(erin, dana, choice, day):
    dana.working_hours.exclude(weekday=(day + timedelta(days=1)).weekday()).delete()
    first = day - timedelta(days=6)  # tomorrow, and in a week

    page = erin.post(url(APPOINTMENTS, "add"), choice | {"day": ""})

    assert f'value="{first}" aria-current="date"' in page.content.decode()
    assert "09:00" in offered(page)


@pytest.mark.parametrize("text", ["zz", "a\x00b", "11111111-1111-1111-1111-111111111111", "\u0661", "9" * 40])
@pytest.mark.parametrize(
    "name",
    [
        "patient",
        "service",
        "clinician",
        "location",
        "visit",
        "day",
        "why",
        "to",
        "opening",
        "notes",
        "new-email",
        "new-date_of_birth",
    ],
)
def test_whatever_is_sent_the_page_is_shown_again(erin, book, at, choice, name, text):
    for page in (url(APPOINTMENTS, "add"), another_time(book(at(9)))):
        with nothing_changes():
            assert erin.get(page, choice | {name: text}).status_code == 200
            assert erin.post(page, choice | NEW | {"new-last_name": ""} | {name: text, "book": "x"}).status_code == 200


def test_without_anybody_one_is_asked_for_and_nothing_else_complains(erin, dana, choice):
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))

    with nothing_changes():
        response = erin.post(url(APPOINTMENTS, "add"), choice | {"opening": times["10:00"], "book": "Book"})

    assert "Choose a patient, or write down somebody new." in shown(response)
    assert "This field is required." not in shown(response)
    assert "<details id" in response.content.decode()


def test_patients_to_choose_from_are_told_apart_and_the_best_match_comes_first(erin, alice):
    for first, last, born, phone in [
        ("Amos", "Archer", date(1974, 9, 3), "+447700900998"),
        ("Archer", "Wells", None, ""),
        ("Alicia", "Archerson", date(1950, 2, 1), ""),
    ]:
        Patient.objects.create(first_name=first, last_name=last, date_of_birth=born, phone=phone)
    alice.save()

    answer = erin.get(url("patients_patient", "choose"), {"term": "archer"}).json()

    assert [one["text"] for one in answer["results"]] == [
        "Alice Archer, born 12 Apr 1985, …0123",
        "Amos Archer, born 3 Sep 1974, …0998",
        "Archer Wells",
        "Alicia Archerson, born 1 Feb 1950",
    ]
    assert answer["pagination"] == {"more": False}
    chosen = erin.get(url(APPOINTMENTS, "add"), {"patient": str(alice.pk)}).content.decode()
    assert "selected>Alice Archer, born 12 Apr 1985, …0123</option>" in chosen


def test_who_may_see_no_patients_finds_none_to_choose(erin):
    erin.user.groups.clear()

    assert erin.get(url("patients_patient", "choose"), {"term": "archer"}).status_code == 403


def test_what_staff_must_agree_to_waits_for_that(erin, dana, choice, known, consultation):
    Provider.objects.create(name="The front desk", slug="desk", kind="staff").services.add(consultation)
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    response = erin.post(url(APPOINTMENTS, "add"), form)

    assert Appointment.objects.get().status == "pending"
    assert "It is pending: it has still to be confirmed." in said(response)


@pytest.mark.parametrize(("behaviour", "status"), [("answers", "confirmed"), ("down", "pending")])
def test_another_system_is_asked(erin, dana, choice, known, lab, behaviour, status):
    lab.behaviour = behaviour
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    erin.post(url(APPOINTMENTS, "add"), form)

    assert Appointment.objects.get().status == status


def test_what_another_system_refuses_is_not_booked(erin, dana, choice, known, lab):
    lab.behaviour = "refuses"
    times = offered(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    response = erin.post(url(APPOINTMENTS, "add"), form)

    assert "The provider has refused that booking. Nothing was changed." in shown(response)
    assert not Appointment.objects.exists()
    assert "10:00" in offered(response)


# Another time


def another_time(appointment):
    return url(APPOINTMENTS, "another_time", appointment.pk)


def test_an_appointment_is_given_another_time_and_its_own_counts_as_free(erin, book, at, choice):
    appointment = book(at(9))
    page = erin.get(another_time(appointment))
    assert {"09:00", "11:00"} <= set(offered(page))

    response = erin.post(another_time(appointment), choice | {"opening": offered(page)["11:00"], "book": "x"})

    assert said(response) == [f"{appointment.reference} is given that time."]
    appointment.refresh_from_db()
    assert appointment.starts_at == at(11)
    event = Event.objects.filter(subject_id=appointment.pk).latest("sequence")
    assert (event.kind, event.actor) == ("appointment.rescheduled", f"staff:{erin.user.pk}")


def test_it_can_go_to_somebody_else(erin, book, at, choice, harbour, consultation):
    appointment = book(at(9))
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    page = erin.post(another_time(appointment), choice | {"clinician": str(otis.pk)})

    erin.post(
        another_time(appointment),
        choice | {"clinician": str(otis.pk), "opening": offered(page)["09:00"], "book": "x"},
    )

    appointment.refresh_from_db()
    assert (appointment.clinician, appointment.starts_at) == (otis, at(9))


def test_what_is_over_is_not_moved(erin, book, at, choice):
    appointment = book(at(9))
    page = erin.get(another_time(appointment))
    Appointment.objects.update(status="completed")

    with nothing_changes():
        looked = erin.get(another_time(appointment))
        response = erin.post(another_time(appointment), choice | {"opening": offered(page)["11:00"], "book": "x"})

    sentence = f"{appointment.reference} cannot be given another time: it is completed."
    assert said(response) == [sentence, sentence]
    assert looked["Location"] == response["Location"] == url(APPOINTMENTS, "change", appointment.pk)
    assert "Another time" not in shown(erin.get(url(APPOINTMENTS, "change", appointment.pk)))


def test_a_clinician_neither_books_nor_moves(danas_browser, book, at, choice):
    appointment = book(at(9))

    with nothing_changes():
        for page in (url(APPOINTMENTS, "add"), another_time(appointment)):
            assert danas_browser.get(page).status_code == 403
            assert danas_browser.post(page, choice | {"book": "x"}).status_code == 403
    assert "Book an appointment" not in shown(danas_browser.get(url(APPOINTMENTS)))
