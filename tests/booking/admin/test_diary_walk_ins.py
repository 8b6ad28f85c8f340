"""Walk-ins: the times of each clinician, each a link that books it."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from scheduling.models import WorkingHours
from tests.booking.admin.pages import get_text
from tests.booking.admin.test_diary_booking import HTMX, read_form

WALK_IN = reverse("admin:diary_walk_in")


@pytest.fixture
def open_always(dana, harbour):
    WorkingHours.objects.filter(clinician=dana).delete()
    for weekday in range(7):
        hours = {"start_time": "00:00", "end_time": "00:00"}
        WorkingHours.objects.create(clinician=dana, location=harbour, weekday=weekday, **hours)


def test_walk_in_time_leads_to_booking_of_that_time(erin, harbour, dana, open_always, consultation):
    page = erin.get(WALK_IN, {"location": harbour.pk}, headers=HTMX)
    address = re.search(r'href="(/admin/diary/book/[^"]+)"', page.content.decode())[1].replace("&amp;", "&")

    form = read_form(erin.get(address, headers=HTMX))

    assert "Dana Reed" in get_text(page)
    assert (form["service"], form["clinician"]) == (str(consultation.pk), str(dana.pk))
    assert form["opening"]


def test_walk_in_needs_permission(erin, harbour, dana):
    erin.user.groups.get().permissions.remove(Permission.objects.get(codename="add_appointment"))

    assert erin.get(WALK_IN).status_code == 403
