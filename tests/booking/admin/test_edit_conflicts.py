"""Two members of staff have the same page open: whoever saves last is told what the other has changed."""

import html
import re
from datetime import time, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.test import RequestFactory

from booking.models import Branding, EmbeddingSite, Waitlist
from patients.admin.forms import EditConflictForm
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.models import ServiceCategory, TimeOff, WorkingHours
from tests.booking.admin.pages import url
from tests.ledger import nothing_changes

NO_PAGE_OF_OURS = {"socialaccount.SocialAccount"}  # nothing of it can be edited


def test_every_page_that_can_be_edited_refuses_an_outdated_edit(admin_user):
    request = RequestFactory().get("/")
    request.user = admin_user
    unguarded = [
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if model_admin.has_change_permission(request)
        and not isinstance(model_admin, EditConflictMixin)
        and not issubclass(model_admin.form, EditConflictForm)
    ]
    assert set(unguarded) == NO_PAGE_OF_OURS


def read_form(browser, address):
    """Return what a browser sends when a page's button is pressed and nothing was typed."""
    page = browser.get(address)
    assert page.status_code == 200
    return parse_form(page)


def parse_form(page):
    content = page.content.decode().split('id="content"')[1]
    data = {}
    for tag, rest, body in re.findall(r"<(input|textarea|select)\b([^>]*)>(?:(.*?)</\1>)?", content, flags=re.S):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', rest))
        name, kind = given.get("name"), given.get("type", "text")
        if not name or kind in ("submit", "button", "file") or "__prefix__" in name:
            continue
        if tag == "select":
            values = re.findall(r'<option value="([^"]*)"[^>]*\bselected', body)
        elif kind in ("checkbox", "radio"):
            values = [given.get("value", "on")] if re.search(r"\bchecked\b", rest) else []
        else:
            values = [html.unescape(given.get("value", body if tag == "textarea" else "")).lstrip("\n")]
        if values:
            data.setdefault(name, []).extend(map(html.unescape, values))
    return data


def list_errors(page):
    """Return the sentences of a page's lists of errors."""
    found = re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', page.content.decode(), flags=re.S)
    return [html.unescape(each) for errors in found for each in re.findall(r"<li>(.*?)</li>", errors, flags=re.S)]


REFUSED = "Somebody else has saved this page meanwhile, so nothing was saved. What you typed is still here: save again."


def test_price_does_not_come_back_from_a_second_tab(morgan, consultation):
    address = url("scheduling_service", "change", consultation.pk)
    first, second = read_form(morgan, address), read_form(morgan, address)
    assert morgan.post(address, first | {"price": "75.00"}).status_code == 302

    with nothing_changes():
        page = morgan.post(address, second | {"description": "Half an hour"})

    assert list_errors(page) == [
        REFUSED,
        "Price is “75.00” now: somebody else has changed it, and you had not.",
    ]
    again = parse_form(page)
    assert (again["price"], again["description"]) == (["75.00"], ["Half an hour"])
    assert morgan.post(address, again).status_code == 302
    consultation.refresh_from_db()
    assert (consultation.price, consultation.description) == (Decimal(75), "Half an hour")


def test_field_that_both_have_changed_keeps_what_was_typed_beside_what_it_is_now(morgan, consultation):
    address = url("scheduling_service", "change", consultation.pk)
    first, second = read_form(morgan, address), read_form(morgan, address)
    morgan.post(address, first | {"duration": "45 min", "is_once_a_day": "on"})

    with nothing_changes():
        page = morgan.post(address, second | {"duration": "1 h"})

    assert list_errors(page) == [
        REFUSED,
        "Once a day is “yes” now: somebody else has changed it, and you had not.",
        "Somebody else has changed this meanwhile: it was “45 min” when you saved.",
    ]
    again = parse_form(page)
    assert (again["duration"], again["is_once_a_day"]) == (["1 h"], ["on"])
    assert morgan.post(address, again).status_code == 302
    consultation.refresh_from_db()
    assert (consultation.duration, consultation.is_once_a_day) == (timedelta(hours=1), True)


def test_rows_below_a_page_have_versions_too(morgan, dana, harbour):
    hours = WorkingHours.objects.filter(clinician=dana).order_by("weekday").first()
    WorkingHours.objects.filter(clinician=dana).exclude(pk=hours.pk).delete()
    address = url("scheduling_clinician", "change", dana.pk)
    first, second = read_form(morgan, address), read_form(morgan, address)
    assert morgan.post(address, first | {"working_hours-0-end_time": "11:00"}).status_code == 302

    with nothing_changes():
        page = morgan.post(address, second | {"title": "Podiatrist"})

    assert list_errors(page) == [
        REFUSED,
        "Somebody else has changed the working hours meanwhile: 1 changed.",
        "To is “11:00” now: somebody else has changed it, and you had not.",
    ]
    assert morgan.post(address, parse_form(page)).status_code == 302
    hours.refresh_from_db()
    dana.refresh_from_db()
    assert (hours.end_time, dana.title) == (time(11), "Podiatrist")


def test_rows_that_somebody_else_has_added_or_removed_refuse_the_page(morgan, dana, harbour):
    address = url("scheduling_clinician", "change", dana.pk)
    first = read_form(morgan, address)
    WorkingHours.objects.create(
        clinician=dana, location=harbour, weekday=6, start_time=time(9), end_time=time(10), valid_from="2030-01-01"
    )

    with nothing_changes():
        page = morgan.post(address, first | {"title": "Podiatrist"})

    sentence = "Somebody else has changed the working hours meanwhile: 1 added. Open this page again to see those."
    assert list_errors(page) == [REFUSED, sentence]


@pytest.fixture
def rows(harbour, consultation, dana, at):
    """A row of each kind that is set up most, and how somebody else changes it."""
    return {
        "scheduling_location": (harbour, {"address_line_1": "2 Harbour Street"}),
        "scheduling_servicecategory": (ServiceCategory.objects.create(name="Feet"), {"position": 7}),
        "scheduling_timeoff": (
            TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10)),
            {"reason": "ill"},
        ),
        "booking_branding": (
            Branding.objects.create(pk=Branding.ONLY, clinic_name="Harbour"),
            {"description": "By the sea"},
        ),
        "booking_embeddingsite": (EmbeddingSite.objects.create(origin="https://a.example"), {"location": harbour}),
        "booking_waitlist": (Waitlist.objects.create(service=consultation), {"is_open": False}),
    }


def test_unchanged_pages_are_saved_and_outdated_ones_refused(morgan, rows):
    for model, (row, change) in rows.items():
        address = url(model, "change", row.pk)
        form = read_form(morgan, address)
        assert (model, morgan.post(address, form).status_code) == (model, 302)
        type(row).objects.filter(pk=row.pk).update(**change)
        with nothing_changes():
            page = morgan.post(address, form)
        assert (model, REFUSED in list_errors(page)) == (model, True)
        assert (model, morgan.post(address, parse_form(page)).status_code) == (model, 302)
        row.refresh_from_db()
        assert {name: getattr(row, name) for name in change} == change
