"""The README's way from an empty database to the first free times, through the forms of admin."""

from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from scheduling.models import Clinician, Location, Service
from tests.booking.admin.pages import get_text

PASSWORD = "holdfast-from-the-first-day"


class FilledForm(HTMLParser):
    """The values that a browser would submit of an unchanged form: ``FilledForm(page).values``."""

    def __init__(self, page):
        super().__init__()
        self.values, self.select = {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "select":
            self.select = given.get("name")
        elif tag == "option" and "selected" in given and self.select:
            self.values.setdefault(self.select, []).append(given["value"])
        elif (
            tag == "input"
            and "name" in given
            and (given.get("type") not in ("checkbox", "radio") or "checked" in given)
        ):
            self.values[given["name"]] = given.get("value", "on" if "checked" in given else "")


def submit(browser, address, **typed):
    """Fill in the form of an admin page, save it, and return the page that follows."""
    form = FilledForm(browser.get(address).content.decode()).values
    response = browser.post(address, form | typed | {"_save": "Save"}, follow=True)
    assert response.redirect_chain  # a form with errors would be shown again
    return response


@pytest.fixture
def operator(db):
    """The browser of Olivia, the operator, logged in as superuser."""
    call_command("createsuperuser", interactive=False, username="olivia", email="olivia@clinic.example")
    user = User.objects.get(username="olivia")
    user.set_password(PASSWORD)
    user.save()
    browser = Client()
    response = submit(browser, reverse("admin:login"), login="olivia", password=PASSWORD)
    assert response.request["PATH_INFO"] == reverse("admin:index")
    return browser


def test_operator_with_empty_database_sets_up_clinic_and_sees_free_times(operator):
    submit(
        operator,
        reverse("admin:scheduling_location_add"),
        name="Harbour Street",
        timezone="Europe/London",
        address_line_1="12 Harbour Street",
        city="London",
    )
    submit(operator, reverse("admin:scheduling_service_add"), name="Consultation", slug="consultation", duration="30")
    hours = {
        f"working_hours-{weekday}-{name}": value
        for weekday in range(7)
        for name, value in {
            "weekday": str(weekday),
            "start_time": "00:00",
            "end_time": "23:30",
            "location": str(Location.objects.get().pk),
        }.items()
    }
    submit(
        operator,
        reverse("admin:scheduling_clinician_add"),
        name="Dana Reed",
        services=[str(Service.objects.get().pk)],
        **hours,
        **{"working_hours-TOTAL_FORMS": "7"},
    )
    assert Clinician.objects.get().working_hours.count() == 7

    page = Client().get("/", follow=True)
    times = Client().get(reverse("widget:times", args=["consultation"]))

    assert "Consultation" in get_text(page)
    assert b'name="opening"' in times.content


def test_operator_adds_first_receptionist_who_may_book_but_not_configure(operator):
    submit(
        operator,
        reverse("admin:auth_user_add"),
        username="erin",
        password1=PASSWORD,
        password2=PASSWORD,
    )
    erin = User.objects.get(username="erin")
    submit(
        operator,
        reverse("admin:auth_user_change", args=[erin.pk]),
        is_staff="on",
        groups=[str(Group.objects.get(name="reception").pk)],
    )

    reception = Client()
    submit(reception, reverse("admin:login"), login="erin", password=PASSWORD)

    assert reception.get(reverse("admin:booking_appointment_changelist")).status_code == 200
    assert reception.get(reverse("admin:scheduling_service_add")).status_code == 403
