"""The desk: book for a patient who calls, and give an appointment another time."""

import re
from datetime import date, datetime, time, timedelta
from uuid import uuid4

import pytest

from booking.admin.booking_forms import OpeningSearchForm
from booking.admin.time_picker import TimePicker
from booking.models import Appointment, Event, OutboxMessage, Provider
from patients.models import Patient
from scheduling.models import Clinician, Location, Service, WorkingHours
from tests.booking.admin.pages import get_text, list_messages, url
from tests.booking.api.v1.clock_changes import get_next_last_sunday
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

APPOINTMENTS = "booking_appointment"
NEW = {
    "new-first_name": "Nora",
    "new-last_name": "Quill",
    "new-date_of_birth": "3/2/1950",
    "new-email": "",
    "new-phone": "020 7946 0999",
    "patient": "",
    "notes": "",
}


def get_times(response):
    """Return the openings on the page as {local time: form value}, the first of each time."""
    found = re.findall(
        r'name="opening" value="([^"]+)".*?<span>(.*?)(?: <small>now</small>)?</span>', response.content.decode()
    )
    return {time: value for value, time in reversed(found)}


@pytest.fixture
def choice(consultation, day):
    """The search form: a consultation on a day next week, with any clinician anywhere."""
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
    """Form data that chooses alice."""
    alice.save()
    return alice


def test_desk_starts_with_choice_of_service(erin, dana):
    page = get_text(erin.get(url(APPOINTMENTS, "add")))

    assert "Choose what for, and see the free times." in page


def test_desk_shows_openings_of_day_and_counts_of_others(erin, dana, choice, book, at):
    book(at(9))

    page = erin.post(url(APPOINTMENTS, "add"), choice)

    assert sorted(get_times(page)) == [
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
    assert f"{at(9):%a} {at(9):%-d %b} 13" in get_text(page)


def test_desk_books_existing_patient(erin, dana, harbour, choice, known, at):
    page = erin.post(url(APPOINTMENTS, "add"), choice)
    form = choice | NEW | {"patient": str(known.pk), "notes": "Rang at nine", "opening": get_times(page)["10:00"]}

    response = erin.post(url(APPOINTMENTS, "add"), form | {"book": "Book"})

    made = Appointment.objects.get()
    assert response["Location"] == url(APPOINTMENTS, "change", made.pk)
    assert list_messages(response) == [f"{made.reference} is booked."]
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


def test_desk_books_and_registers_new_patient(erin, dana, choice):
    page = erin.post(url(APPOINTMENTS, "add"), choice)

    response = erin.post(url(APPOINTMENTS, "add"), choice | NEW | {"opening": get_times(page)["10:00"], "book": "Book"})

    made = Appointment.objects.get()
    assert (str(made.patient), made.patient.phone, made.attendee_phone) == (
        "Nora Quill",
        "+442079460999",
        "+442079460999",
    )
    assert list_messages(response)[-1] == "No e-mail address is known, so nothing was sent: tell them the time."


def test_desk_reuses_identical_patient(erin, dana, choice, known):
    page = erin.post(url(APPOINTMENTS, "add"), choice)
    same = {
        "new-first_name": "ALICE",
        "new-last_name": "Archer",
        "new-date_of_birth": "12/4/1985",
        "new-email": "alice@example.org",
    }

    erin.post(url(APPOINTMENTS, "add"), choice | NEW | same | {"opening": get_times(page)["10:00"], "book": "Book"})

    assert Appointment.objects.get().patient == known
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ({"opening": ""}, "Choose a time."),
        ({"opening": "nonsense"}, "That time has just been taken: choose another one."),
        ({"new-date_of_birth": ""}, "This field is required."),
        ({"new-phone": ""}, "Write down an e-mail address or a phone number."),
        ({"new-phone": "07700 900123"}, "There is no such phone number in this country (GB)."),
        ({"notes": "\u202egnissim"}, "Please remove the invisible or unreadable characters."),
        ({"patient": "nonsense", "new-date_of_birth": ""}, "This field is required."),
        ({"day": "2020-01-01"}, "Choose a day from today on."),
        ({"service": ""}, "Choose what for, and see the free times."),
    ],
)
def test_desk_with_invalid_input_keeps_what_was_typed(erin, dana, choice, missing, sentence):
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))
    form = choice | NEW | {"opening": times["10:00"], "book": "Book"} | missing

    with nothing_changes():
        response = erin.post(url(APPOINTMENTS, "add"), form)

    assert sentence in get_text(response)
    assert ("taken" in get_text(response)) == ("taken" in sentence)
    assert 'value="Nora"' in response.content.decode()


def test_desk_shows_other_times_without_errors_and_keeps_input(erin, dana, choice, day):
    another = str(day + timedelta(days=1))

    page = erin.post(url(APPOINTMENTS, "add"), choice | NEW | {"new-last_name": "", "to": another})

    assert 'value="Nora"' in page.content.decode()
    assert "This field is required." not in get_text(page)
    assert f'value="{another}" aria-current="date"' in page.content.decode()


def test_desk_form_sent_twice_books_once(erin, dana, choice, known):
    form = {**choice, "patient": str(known.pk), "notes": "", "book": "Book"}
    form["opening"] = get_times(erin.post(url(APPOINTMENTS, "add"), choice))["09:00"]
    form["new_id"] = str(uuid4())

    answers = [erin.post(url(APPOINTMENTS, "add"), form) for _ in range(2)]

    booked = Appointment.objects.get()
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, url(APPOINTMENTS, "change", booked.pk))
    ] * 2


def test_reschedule_from_inactive_clinician_to_another(erin, dana, harbour, book, at):
    appointment = book(at(9))
    make_clinician("Otis Hale", location=harbour, services=[appointment.service])
    Clinician.objects.filter(pk=dana.pk).update(is_active=False)

    page = get_text(erin.get(f"/admin/booking/appointment/{appointment.pk}/another-time/"))

    assert "Otis Hale" in page
    assert "Select a valid choice" not in page


def test_desk_with_time_just_taken_books_nothing(erin, dana, choice, known, book, at):
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))
    book(at(10))
    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}

    with nothing_changes():
        response = erin.post(url(APPOINTMENTS, "add"), form)

    assert "That time has just been taken: choose another one." in get_text(response)
    assert "10:00" not in get_times(response)


def test_desk_ignores_services_notice(erin, dana, choice, known, consultation, at):
    consultation.notice = timedelta(days=30)
    consultation.save()
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    erin.post(url(APPOINTMENTS, "add"), form)

    assert Appointment.objects.get().starts_at == at(10)
    consultation.refresh_from_db()
    assert consultation.notice == timedelta(days=30)


def test_desk_explains_why_time_is_not_get_times(erin, dana, choice, hold_time, at):
    hold_time(at(10))

    def why(time):
        page = get_text(erin.post(url(APPOINTMENTS, "add"), choice | {"why": time}))
        return page.partition(f"Dana Reed , Harbour Street, {time}: ")[2].partition(".")[0]

    assert why("10:00") == "somebody is just booking it, and holds it for some minutes"
    assert why("12:15") == "outside the working hours, or not one of the service's starts"
    assert why("11:00") == "is free"


def test_desk_explains_in_person_and_video_separately(erin, dana, harbour, choice, day):
    Service.objects.update(mode="both")
    WorkingHours.objects.create(
        clinician=dana, location=harbour, weekday=day.weekday(), start_time="17:00", end_time="18:00", is_remote=True
    )

    page = get_text(erin.post(url(APPOINTMENTS, "add"), choice | {"why": "17:00"}))

    assert "Dana Reed , Harbour Street, 17:00: outside the working hours" in page
    assert "Dana Reed , by video (Harbour Street), 17:00: is free." in page


def test_desk_names_zone_of_other_locations(erin, dana, choice, consultation, day):
    Location.objects.create(name="Mill Lane", timezone="Europe/London")
    berlin = Location.objects.create(name="Spreeufer", timezone="Europe/Berlin")
    make_clinician("Otis Hale", location=berlin, services=[consultation])
    zone = f"{datetime.combine(day, time(9), berlin.zone):%Z}"

    page = erin.post(url(APPOINTMENTS, "add"), choice | {"why": "10:15"})

    assert {"09:00", f"09:00 {zone}"} <= set(get_times(page))
    assert f"Otis Hale , Spreeufer, 10:15 {zone}: outside the working hours" in get_text(page)
    assert "Dana Reed , Harbour Street, 10:15: outside the working hours" in get_text(page)


def test_desk_without_day_shows_first_day_with_opening(erin, dana, choice, day):
    dana.working_hours.exclude(weekday=(day + timedelta(days=1)).weekday()).delete()
    first = day - timedelta(days=6)  # tomorrow

    page = erin.post(url(APPOINTMENTS, "add"), choice | {"day": ""})

    assert f'value="{first}" aria-current="date"' in page.content.decode()
    assert "09:00" in get_times(page)


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
def test_desk_with_garbage_input_is_rendered(erin, book, at, choice, name, text):
    for page in (url(APPOINTMENTS, "add"), another_time(book(at(9)))):
        with nothing_changes():
            assert erin.get(page, choice | {name: text}).status_code == 200
            assert erin.post(page, choice | NEW | {"new-last_name": ""} | {name: text, "book": "x"}).status_code == 200


def test_desk_without_patient_asks_for_one_only(erin, dana, choice):
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))

    with nothing_changes():
        response = erin.post(url(APPOINTMENTS, "add"), choice | {"opening": times["10:00"], "book": "Book"})

    assert "Choose a patient, or write down somebody new." in get_text(response)
    assert "This field is required." not in get_text(response)
    assert "<details id" in response.content.decode()


def test_patient_choices_are_labelled_and_ordered_by_match(erin, alice):
    for first, last, born, phone in [
        ("Amos", "Archer", date(1974, 9, 3), "+442079460998"),
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


def test_patient_choices_require_permission(erin):
    erin.user.groups.clear()

    assert erin.get(url("patients_patient", "choose"), {"term": "archer"}).status_code == 403


def test_desk_booking_for_staff_approval_is_pending(erin, dana, choice, known, consultation):
    Provider.objects.create(name="The front desk", slug="desk", kind="staff").services.add(consultation)
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    response = erin.post(url(APPOINTMENTS, "add"), form)

    assert Appointment.objects.get().status == "pending"
    assert "It is pending: it has still to be confirmed." in list_messages(response)


@pytest.mark.parametrize(("behaviour", "status"), [("answers", "confirmed"), ("down", "pending")])
def test_desk_booking_asks_upstream(erin, dana, choice, known, lab, behaviour, status):
    lab.behaviour = behaviour
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    erin.post(url(APPOINTMENTS, "add"), form)

    assert Appointment.objects.get().status == status


def test_desk_booking_refused_by_upstream_changes_nothing(erin, dana, choice, known, lab):
    lab.behaviour = "refuses"
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice))

    form = choice | NEW | {"patient": str(known.pk), "opening": times["10:00"], "book": "Book"}
    response = erin.post(url(APPOINTMENTS, "add"), form)

    assert "The provider has refused that booking. Nothing was changed." in get_text(response)
    assert not Appointment.objects.exists()
    assert "10:00" in get_times(response)


# Another time


def another_time(appointment):
    return url(APPOINTMENTS, "another_time", appointment.pk)


def test_reschedule_offers_appointments_own_time(erin, book, at, choice):
    appointment = book(at(9))
    page = erin.get(another_time(appointment))
    assert {"09:00", "11:00"} <= set(get_times(page))

    response = erin.post(another_time(appointment), choice | {"opening": get_times(page)["11:00"], "book": "x"})

    assert list_messages(response) == [f"{appointment.reference} is given that time."]
    appointment.refresh_from_db()
    assert appointment.starts_at == at(11)
    event = Event.objects.filter(subject_id=appointment.pk).latest("sequence")
    assert (event.kind, event.actor) == ("appointment.rescheduled", f"staff:{erin.user.pk}")


def test_reschedule_to_another_clinician(erin, book, at, choice, harbour, consultation):
    appointment = book(at(9))
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    page = erin.post(another_time(appointment), choice | {"clinician": str(otis.pk)})

    erin.post(
        another_time(appointment),
        choice | {"clinician": str(otis.pk), "opening": get_times(page)["09:00"], "book": "x"},
    )

    appointment.refresh_from_db()
    assert (appointment.clinician, appointment.starts_at) == (otis, at(9))


def test_reschedule_completed_appointment_is_refused(erin, book, at, choice):
    appointment = book(at(9))
    page = erin.get(another_time(appointment))
    Appointment.objects.update(status="completed")

    with nothing_changes():
        looked = erin.get(another_time(appointment))
        response = erin.post(another_time(appointment), choice | {"opening": get_times(page)["11:00"], "book": "x"})

    sentence = f"{appointment.reference} cannot be given another time: it is completed."
    assert list_messages(response) == [sentence, sentence]
    assert looked["Location"] == response["Location"] == url(APPOINTMENTS, "change", appointment.pk)
    assert "Another time" not in get_text(erin.get(url(APPOINTMENTS, "change", appointment.pk)))


def test_desk_refuses_clinicians(danas_browser, book, at, choice):
    appointment = book(at(9))

    with nothing_changes():
        for page in (url(APPOINTMENTS, "add"), another_time(appointment)):
            assert danas_browser.get(page).status_code == 403
            assert danas_browser.post(page, choice | {"book": "x"}).status_code == 403
    assert "Book an appointment" not in get_text(danas_browser.get(url(APPOINTMENTS)))


# A patient who is elsewhere then


@pytest.fixture
def otis(harbour, consultation):
    """Otis, who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def test_desk_books_patient_who_is_elsewhere_only_when_told_to_book_anyway(erin, book, at, otis, choice):
    visit = book(at(9))
    times = get_times(erin.post(url(APPOINTMENTS, "add"), choice | {"clinician": str(otis.pk)}))
    form = choice | NEW | {"patient": str(visit.patient_id), "opening": times["09:00"], "book": "Book"}

    with nothing_changes():
        refused = erin.post(url(APPOINTMENTS, "add"), form)
    erin.post(url(APPOINTMENTS, "add"), form | {"book": "anyway"})

    assert f"The patient has another visit then: {visit.reference}" in get_text(refused)
    assert "Book anyway" in refused.content.decode()
    assert "checked" in refused.content.decode()
    assert Appointment.objects.filter(starts_at=at(9)).count() == 2


def test_desk_gives_time_at_which_patient_is_elsewhere_only_when_told_to(erin, book, at, otis, choice):
    visit, second = book(at(9)), book(at(10))
    address = f"/admin/booking/appointment/{second.pk}/another-time/"
    form = choice | {"clinician": str(otis.pk)}
    form |= {"opening": get_times(erin.post(address, form))["09:00"], "book": "Give it this time"}

    with nothing_changes():
        refused = erin.post(address, form)
    erin.post(address, form | {"book": "anyway"})

    assert f"The patient has another visit then: {visit.reference}" in get_text(refused)
    second.refresh_from_db()
    assert (second.starts_at, second.clinician) == (at(9), otis)


def test_overlap_of_two_visits_of_one_patient_is_shown_in_list_and_on_page(erin, book, at, otis):
    visit, second, later = book(at(9)), book(at(9), clinician=otis), book(at(10))

    listed = get_text(erin.get(url(APPOINTMENTS, "changelist") + "?day=any"))
    pages = [get_text(erin.get(url(APPOINTMENTS, "change", one.pk))) for one in (visit, second, later)]

    assert listed.count("overlaps another visit") == 2
    sentence = "It overlaps another visit of the patient."
    assert f"{sentence} {second.reference}" in pages[0]
    assert f"{sentence} {visit.reference}" in pages[1]
    assert sentence not in pages[2]


def test_desk_tells_the_hour_that_comes_twice_apart(harbour, consultation, erin):
    night = get_next_last_sunday(10)
    Service.objects.update(horizon=timedelta(days=400))
    Location.objects.update(timezone="Europe/London")
    make_clinician("Nila Voss", location=harbour, services=[consultation], hours=[(0, 3)])
    form = OpeningSearchForm({"service": str(consultation.pk), "day": str(night)}, user=erin.user)
    assert form.is_valid(), form.errors

    [row] = TimePicker(form).rows()

    assert [shown for _, shown in row.times] == [
        "00:00 BST",
        "00:30 BST",
        "01:00 BST",
        "01:30 BST",
        "01:00 GMT",
        "01:30 GMT",
        "02:00 GMT",
        "02:30 GMT",
    ]
