"""The menu of staff's pages: everything is in it, for those who may use it."""

import re

from django.contrib import admin

from booking.admin_site import MENU
from tests.booking.admin.pages import url


def read_menu(page):
    """Return the labels of a page's menu, and which of them is marked as where one is."""
    [menu] = re.findall(r'<nav id="menu".*?</nav>', page.text, flags=re.S)
    labels = re.findall(r"<a href=\"[^\"]*\"(?: aria-current=\"page\")?>([^<]*)<", menu)
    return labels, re.findall(r'aria-current="page">([^<]*)<', menu)


def test_menu_has_the_list_of_every_model():
    pages = {entry.page for entries in MENU.values() for entry in entries}
    lists = {f"admin:{each._meta.app_label}_{each._meta.model_name}_changelist" for each in admin.site._registry}

    assert lists - pages == set()


def test_menu_marks_where_one_is_and_has_what_one_may_use(erin, morgan, danas_browser, alice):
    alice.save()
    page = erin.get(url("patients_patient", "change", alice.pk))
    reception, here = read_menu(page)
    clinician, _ = read_menu(danas_browser.get(url("booking_appointment")))
    manager, _ = read_menu(morgan.get(url("booking_staffaccount")))

    assert here == ["Patients"]
    assert read_menu(erin.get("/admin/diary/waiting-room/"))[1] == ["Today"]
    assert reception[:4] == ["Today", "Appointments", "Patients", "To confirm"]
    assert {"Staff", "API keys", "Sign-ins"} <= {*manager}
    assert not {"Staff", "API keys", "Sign-ins", "Logins"} & {*reception}
    assert not {"Patients", "To confirm", "Staff", "Services"} & {*clinician}
    assert not {"Logins", "Roles"} & {*manager}


def test_menu_leads_nobody_to_a_page_that_is_refused(admin_client, erin, morgan, danas_browser):
    refused = []
    for browser in [admin_client, erin, morgan, danas_browser]:
        page = browser.get(url("booking_appointment"))
        [menu] = re.findall(r'<nav id="menu".*?</nav>', page.text, flags=re.S)
        addresses = re.findall(r"<a href=\"([^\"]*)\"", menu)
        refused += [each for each in addresses if browser.get(each).status_code not in (200, 302)]

    assert refused == []


def test_list_is_called_what_the_menu_calls_it(morgan):
    page = morgan.get(url("booking_undeliverablemail")).text

    assert "<h1><bdi>Undelivered mail</bdi></h1>" in page
    assert '<div class="breadcrumbs"><a href="/admin/">Home</a> &rsaquo; Undelivered mail</div>' in page
    assert "No undeliverable e-mails." in page
