"""The first steps of a new clinic, without a browser: tests/journeys has the day of who takes them."""

from booking.models import Branding
from scheduling.models import Clinician, Location, Service, WorkingHours
from tests.booking.admin.pages import get_text

PAGE = "/admin/first-steps/"
FORMS = [
    {
        "step": "location",
        "name": "Mill Lane",
        "address_line_1": "1 Mill Lane",
        "city": "Leeds",
        "timezone": "Europe/London",
    },
    {"step": "service", "name": "Consultation", "minutes": "30", "price": "0", "currency": "gbp", "mode": "in_person"},
    {"step": "clinician", "name": "Dana Reed", "title": "Physiotherapist"},
    {
        "step": "hours",
        "weekdays": ["0", "1"],
        "start": "09:00",
        "end": "17:00",
        "break_start": "12:00",
        "break_end": "13:00",
    },
    {"step": "page", "clinic_name": "Mill Lane Clinic", "accent": "#0b6b57"},
]


def test_first_steps_lead_an_empty_clinic_to_its_page_and_then_are_gone(morgan, erin, client):
    assert "0 of 5 first steps" in get_text(morgan.get("/admin/"))
    assert "first steps" not in get_text(erin.get("/admin/"))
    assert erin.get(PAGE).status_code == 403

    for form in FORMS:
        assert morgan.post(PAGE, form).status_code == 302
        assert morgan.post(PAGE, form).status_code == 302  # twice: once is enough

    counts = [model.objects.count() for model in (Location, Service, Clinician, WorkingHours, Branding)]
    assert counts == [1, 1, 1, 4, 1]
    assert "You can be booked" in get_text(morgan.get(PAGE))
    assert "first steps" not in get_text(morgan.get("/admin/"))
    assert "Consultation" in get_text(client.get("/"))


def test_first_step_says_what_is_wrong_and_saves_nothing(morgan):
    page = get_text(morgan.post(PAGE, FORMS[0] | {"city": ""}))

    assert "This field is required." in page
    assert not Location.objects.exists()


def test_hours_of_first_steps_must_follow_one_another(morgan):
    for form in FORMS[:3]:
        morgan.post(PAGE, form)

    page = get_text(morgan.post(PAGE, FORMS[3] | {"end": "12:30"}))

    assert "Write times of one day, one after the other." in page
    assert not WorkingHours.objects.exists()


def test_clinic_with_a_visit_has_no_first_steps(morgan, book, at):
    book(at(9))

    assert "first steps" not in get_text(morgan.get("/admin/"))
