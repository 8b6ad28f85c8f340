"""Lists are taken away as CSV and XLSX: what is shown of them, without formulas, and it is written down of whom."""

import csv
import io
import re
import time
from datetime import date
from html import unescape
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import Permission

from booking.admin import list_exports
from booking.admin.list_exports import TABLES
from booking.models import Event, PatientAccess, StaffMember, WaitlistEntry
from patients.models import Patient
from scheduling.models import Location, TimeOff
from tests.booking.admin.pages import get_text, url
from tests.conftest import LONDON

PATIENTS = "/admin/export/patients/patient/"
APPOINTMENTS = "/admin/export/booking/appointment/"


def export(browser, address, kind="csv"):
    """Return the rows of an export as lists of text."""
    response = browser.post(address, {"format": kind})
    assert response.status_code == 200, response
    content = b"".join(response.streaming_content)
    return read_xlsx(content) if kind == "xlsx" else list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def read_xlsx(content):
    sheet = ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<c(?:/>| ?[^>]*>.*?</c>)", row)]
        for row in re.findall(r"<row>(.*?)</row>", sheet)
    ]


@pytest.fixture
def people(db):
    """Alice, whose phone begins with a plus, and somebody who would calculate."""
    alice = Patient.objects.create(
        first_name="Alice", last_name="Archer", date_of_birth=date(1985, 4, 12), phone="+442079460123"
    )
    mallory = Patient.objects.create(first_name="=1+1", last_name="@sum;=cmd", email="-x@example.org")
    return [alice, mallory]


def test_patients_are_exported_as_csv_without_formulas(morgan, people):
    header, *rows = export(morgan, PATIENTS)

    assert header == list(TABLES[Patient].columns)
    assert [row[1:6] for row in rows] == [
        ["'=1+1", "'@sum;'=cmd", "", "'-x@example.org", ""],
        ["Alice", "Archer", "1985-04-12", "", "'+442079460123"],
    ]
    registered = people[0].created_at.astimezone(LONDON).isoformat(timespec="seconds")
    assert rows[1][header.index("Registered")][:19] == registered[:19]
    access = PatientAccess.objects.get()
    assert (access.action, access.actor, access.page) == ("export", f"staff:{morgan.user.pk}", "admin:export_list")
    assert {*access.patient_ids} == {each.pk for each in people}


def test_patients_are_exported_as_xlsx_whose_cells_are_texts(morgan, people):
    _header, *rows = export(morgan, PATIENTS, "xlsx")

    assert [row[1:6] for row in rows] == [
        ["=1+1", "@sum;=cmd", "", "-x@example.org", ""],
        ["Alice", "Archer", "1985-04-12", "", "+442079460123"],
    ]
    content = b"".join(morgan.post(PATIENTS, {"format": "xlsx"}).streaming_content)
    sheet = ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()
    # With an apostrophe before it, as Excel stores that: none is a formula, and a phone can be read.
    assert '<c t="inlineStr" s="1"><is><t xml:space="preserve">=1+1</t></is></c>' in sheet
    assert "<f>" not in sheet
    book = ZipFile(io.BytesIO(content))
    assert book.testzip() is None
    for part in book.namelist():
        ElementTree.fromstring(book.read(part))


def test_appointments_are_those_of_the_list_in_its_order_at_the_time_of_their_place(morgan, book, at, day, harbour):
    new_york = Location.objects.create(name="New York", city="New York", timezone="America/New_York")
    late, early = book(at(10)), book(at(9))
    other = book(at(14))
    type(other).objects.filter(pk=other.pk).update(location=new_york)
    type(early).objects.filter(pk=early.pk).update(status="no_show")

    header, *rows = export(morgan, f"{APPOINTMENTS}?day={day}&o=1")
    _, *missed = export(morgan, f"{APPOINTMENTS}?day={day}&status__exact=no_show")
    _, *found = export(morgan, f"{APPOINTMENTS}?q={late.reference}")

    assert [row[0] for row in rows] == [early.reference, late.reference, other.reference]
    assert dict(zip(header, rows[1], strict=True)) | {"Booked": ""} == {
        "Reference": late.reference,
        "Start": at(10).isoformat(),
        "End": at(10, 30).isoformat(),
        "Status": "Confirmed",
        "Service": "Consultation",
        "Clinician": "Dana Reed",
        "Location": "Harbour Street",
        "By video": "no",
        "Patient": str(late.patient_id),
        "Attendee": "Alice Archer",
        "E-mail": "alice@example.org",
        "Phone": "'+442079460123",
        "Price": "60.00",
        "Currency": "GBP",
        "Booked": "",
        "Arrived": "",
        "With clinician": "",
        "Cancelled because": "",
        "External id": "",
    }
    assert rows[2][1] == at(14).astimezone(new_york.zone).isoformat()
    assert [row[0] for row in missed] == [early.reference]
    assert [row[0] for row in found] == [late.reference]
    assert "q=" not in str(PatientAccess.objects.values_list("page", flat=True))


def test_each_list_is_exported_with_a_link_on_it(morgan, book, hold_time, at, order, dana, harbour):
    book(at(9))
    hold_time(at(11))
    WaitlistEntry.objects.create(
        service=order.service,
        last_name="Baker",
        email="b@example.org",
        email_id="b",
        last_day=at(9).date(),
        status="waiting",
    )
    TimeOff.objects.create(clinician=dana, starts_at=at(15), ends_at=at(16))
    for model in TABLES:
        app, name = model._meta.label_lower.split(".")
        query = "?day=any" if name == "appointment" else ""
        page = morgan.get(url(f"{app}_{name}") + query)
        assert f'<a href="/admin/export/{app}/{name}/{query}">Export</a>' in page.content.decode()
        assert "Excel (XLSX)" in get_text(morgan.get(f"/admin/export/{app}/{name}/{query}"))
        rows = export(morgan, f"/admin/export/{app}/{name}/{query}")
        assert rows[0] == list(TABLES[model].columns)
        assert len(rows) > 1, name
        assert {len(row) for row in rows} == {len(rows[0])}


def test_rows_come_in_chunks_each_written_down_before_it_is_sent(morgan, people, monkeypatch):
    monkeypatch.setattr(list_exports, "CHUNK", 1)
    response = morgan.post(PATIENTS, {"format": "csv"})
    assert PatientAccess.objects.count() == 0

    b"".join(response.streaming_content)

    assert [len(access.patient_ids) for access in PatientAccess.objects.all()] == [1, 1]


def test_too_long_a_list_is_refused(morgan, people, monkeypatch):
    monkeypatch.setattr(list_exports, "MAX_ROWS", 1)

    response = morgan.post(f"{PATIENTS}?archived=no", {"format": "csv"}, follow=True)

    assert "The list has more than 1 rows. Narrow it first, by a filter." in get_text(response)
    assert not PatientAccess.objects.filter(action="export").exists()


def test_export_needs_its_permission_and_that_of_the_list(erin, morgan, danas_browser, client, people):
    for browser in (erin, danas_browser):
        assert browser.get(PATIENTS).status_code == 403
        assert browser.post(PATIENTS, {"format": "csv"}).status_code == 403
    assert "Export" not in get_text(erin.get(url("patients_patient")))
    assert client.post(PATIENTS, {"format": "csv"}).status_code == 302
    seeing = Permission.objects.filter(codename__in=["view_patient", "change_patient"])
    morgan.user.groups.get().permissions.remove(*seeing)
    assert morgan.post(PATIENTS, {"format": "csv"}).status_code == 403
    assert morgan.get("/admin/export/booking/apikey/").status_code == 403
    assert morgan.get("/admin/export/booking/nothing/").status_code == 404
    assert not PatientAccess.objects.exclude(action="view").exists()


def test_export_has_only_what_somebody_may_see(morgan, people, book, at):
    elsewhere = Location.objects.create(name="Mill Lane", city="London")
    book(at(9))
    people[0].restricted_at = at(9)
    people[0].save()
    morgan.user.groups.get().permissions.remove(Permission.objects.get(codename="view_restricted_patient"))
    StaffMember.objects.create(user=morgan.user, has_all_locations=False).locations.set([elsewhere])

    assert [row[2] for row in export(morgan, PATIENTS)[1:]] == ["'@sum;'=cmd"]
    assert len(export(morgan, f"{APPOINTMENTS}?day=any")) == 1


def test_export_needs_a_recent_proof(morgan, people):
    morgan.user.set_password("a-long-password-of-morgan")
    morgan.user.save()
    morgan.force_login(morgan.user)
    session = morgan.session
    session["signed_in_at"] = int(time.time()) - 601
    session.save()

    for response in (morgan.get(PATIENTS), morgan.post(PATIENTS, {"format": "csv"})):
        assert response["Location"].startswith("/admin/account/reauthenticate/?next=")
    assert not PatientAccess.objects.exists()


def test_events_are_exported_without_a_look_at_a_patient(morgan, book, at):
    book(at(9))
    number = Event.objects.count()

    rows = export(morgan, "/admin/export/booking/event/")

    assert len(rows) == number + 1
    assert not PatientAccess.objects.filter(action="export").exists()
