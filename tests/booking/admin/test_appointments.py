"""The appointments' list and page."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from booking.domain.appointments import annotate
from booking.domain.confirmation import confirm_hold
from booking.domain.holds import Holder, place_hold
from booking.domain.reminders import confirm_attendance
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Event, TextMessage
from patients.models import Patient
from scheduling.models import Location
from tests.booking.admin.pages import count_queries, get_rows, get_text, url
from tests.booking.admin.test_edit_conflicts import read_form
from tests.conftest import make_clinician
from tests.ledger import begin, nothing_changes

APPOINTMENTS = "booking_appointment"


def listed(response):
    return [row[-1].rpartition(" · ")[2] for row in get_rows(response)]


def test_appointment_list_shows_chosen_day(erin, book, at, day):
    nine = book(at(9))
    book(at(9) + timedelta(days=1))

    response = erin.get(url(APPOINTMENTS), {"day": day.isoformat()})

    assert get_rows(response) == [
        [
            f"09:00–09:30 {day:%a %-d %b %Y}",
            "Alice Archer +44 20 7946 0123",
            "Confirmed",
            f"Consultation with Dana Reed, Harbour Street · {nine.reference}",
        ]
    ]
    assert f"{day:%A %-d %B %Y}" in get_text(response)


def test_appointment_list_defaults_to_today(erin, book, at):
    book(at(9))

    assert listed(erin.get(url(APPOINTMENTS))) == []


def test_appointment_list_day_is_in_locations_zone(erin, consultation, alice, day):
    night = Location.objects.create(name="Night Clinic", city="Auckland", timezone="Pacific/Auckland")
    owl = make_clinician("Olga Owl", location=night, services=[consultation], hours=[(1, 3)])
    zone = ZoneInfo("Pacific/Auckland")
    starts_at = datetime(day.year, day.month, day.day, 1, tzinfo=zone)  # the day before in London
    hold = place_hold(
        OpeningRequest(consultation, starts_at, owl, night, is_remote=False), holder=Holder("alice"), actor="patient"
    )
    appointment = confirm_hold(hold, patient=alice, actor="patient")

    assert listed(erin.get(url(APPOINTMENTS), {"day": day.isoformat()})) == [appointment.reference]
    assert listed(erin.get(url(APPOINTMENTS), {"day": (day - timedelta(days=1)).isoformat()})) == []


def test_appointment_list_names_zone_that_differs_from_most_locations(
    erin, book, at, day, harbour, consultation, alice
):
    Location.objects.create(name="Mill Lane", city="London")
    berlin = Location.objects.create(name="Mitte", city="Berlin", timezone="Europe/Berlin")
    lena = make_clinician("Lena Brandt", location=berlin, services=[consultation])
    book(at(9))
    book(at(9), clinician=lena, location=berlin)

    times = [row[0].removesuffix(f" {day:%a %-d %b %Y}") for row in get_rows(erin.get(url(APPOINTMENTS), {"day": day}))]

    assert times == ["09:00–09:30", f"10:00–10:30 {at(9).astimezone(berlin.zone):%Z}"]


@pytest.mark.parametrize(
    "text", ["archer", "ALICE", "020 7946 0123", "12/04/1985", "1985-04-12", "alice 1985-04-12", "alice@example"]
)
def test_appointment_search_covers_any_day(erin, book, at, text):
    appointment = book(at(9))

    assert listed(erin.get(url(APPOINTMENTS), {"q": text})) == [appointment.reference]
    assert listed(erin.get(url(APPOINTMENTS), {"q": "somebody else"})) == []


def test_appointment_search_finds_reference_however_typed(erin, book, at):
    appointment = book(at(9))
    book(at(10))

    for text in (appointment.reference, appointment.reference.lower().replace("-", " ")):
        assert listed(erin.get(url(APPOINTMENTS), {"q": text})) == [appointment.reference]


@pytest.fixture
def elsewhere():
    """A zone where today is another day than in UTC."""
    now = timezone.now()
    zones = [ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")]
    return next(zone for zone in zones if now.astimezone(zone).date() != now.date())


def test_today_is_in_zone_of_most_locations(erin, elsewhere):
    Location.objects.create(name="Far Clinic", city="Far", timezone=str(elsewhere))

    page = get_text(erin.get(url(APPOINTMENTS)))

    assert f"{timezone.now().astimezone(elsewhere):%A %-d %B %Y}" in page


def test_today_is_in_zone_of_chosen_location(erin, elsewhere, harbour):
    far = Location.objects.create(name="Far Clinic", city="Far", timezone=str(elsewhere))
    Location.objects.create(name="Mill Lane", city="London")

    def today(**chosen):
        return erin.get(url(APPOINTMENTS), chosen).context["days"]["day"]

    assert today() == today(location__id__exact=harbour.pk) == timezone.now().astimezone(harbour.zone).date()
    assert today(location__id__exact=far.pk) == timezone.now().astimezone(elsewhere).date()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2026-02-30", "x", "", "-1", "%00"])
def test_appointment_list_with_invalid_day_shows_today(erin, day):
    response = erin.get(f"{url(APPOINTMENTS)}?day={day}")

    assert response.status_code == 200
    assert f"{timezone.localdate():%A %-d %B %Y}" in get_text(response)


def test_appointment_list_query_count_is_constant(erin, book, at, day):
    address = f"{url(APPOINTMENTS)}?day={day}"
    for minute in range(0, 150, 30):
        book(at(9) + timedelta(minutes=minute), patient=somebody(minute))
    for_five = count_queries(erin, address)
    for minute in (*range(150, 180, 30), *range(240, 480, 30)):
        book(at(9) + timedelta(minutes=minute), patient=somebody(minute))

    assert len(get_rows(erin.get(address))) == 14
    assert count_queries(erin, address) == for_five


def somebody(number):
    return Patient(
        first_name="Pat", last_name=f"Number {number}", date_of_birth=date(1990, 1, 1), email=f"p{number}@example.org"
    )


def test_appointment_page_shows_log_and_allowed_transitions(erin, book, at):
    appointment = begin(book(at(9)))

    response = erin.get(url(APPOINTMENTS, "change", appointment.pk))

    assert [move.name for move in response.context["transitions"]] == [
        "arrived",
        "seen",
        "complete",
        "no-show",
        "cancel",
    ]
    assert [row[1:] for row in response.context["log"]] == [
        ("The patient held <bdi>the visit</bdi>.",),
        ("The patient took the held time of <bdi>the visit</bdi>.",),
        ("The patient booked <bdi>the visit</bdi>.",),
    ]


def test_change_notes_records_event_without_text(erin, book, at):
    appointment = book(at(9))

    page = url(APPOINTMENTS, "change", appointment.pk)
    response = erin.post(page, read_form(erin, page) | {"notes": "Brings her dog"})

    assert response.status_code == 302
    appointment.refresh_from_db()
    assert (appointment.notes, appointment.status) == ("Brings her dog", "confirmed")
    event = Event.objects.filter(subject_id=appointment.pk).last()
    assert (event.kind, event.actor, event.data) == (
        "appointment.updated",
        f"staff:{erin.user.pk}",
        {"changed": ["notes"]},
    )


def test_appointment_page_ignores_read_only_fields(erin, book, at):
    appointment = book(at(9))
    before = Appointment.objects.values().get()

    erin.post(
        url(APPOINTMENTS, "change", appointment.pk),
        {
            "notes": "",
            "meeting_url": "",
            "status": "cancelled",
            "starts_at_0": "2030-01-01",
            "patient": "",
            "reference": "EVE",
        },
    )

    assert Appointment.objects.values().get() == before
    assert Event.objects.filter(subject_id=appointment.pk).count() == 3


def test_appointment_delete_is_refused(erin, morgan, book, at):
    appointment = book(at(9))

    for browser in (erin, morgan):
        assert browser.post(url(APPOINTMENTS, "delete", appointment.pk), {"post": "yes"}).status_code == 403
    assert Appointment.objects.count() == 1


def test_admin_pages_have_strict_csp_and_nothing_inline(erin, book, at):
    appointment = book(at(9))

    for address in (url(APPOINTMENTS), url(APPOINTMENTS, "change", appointment.pk)):
        response = erin.get(address)
        page = response.content.decode()
        assert "style-src 'self'" in response["Content-Security-Policy"]
        assert "unsafe-inline" not in response["Content-Security-Policy"]
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


def test_concurrent_notes_are_refused_instead_of_overwritten(erin, book, at):
    appointment = book(at(9))
    page = url(APPOINTMENTS, "change", appointment.pk)
    shown = read_form(erin, page)
    annotate(appointment, notes="Morgan was here", actor="morgan")

    with nothing_changes():
        response = erin.post(page, shown | {"notes": "Rang at nine"})
    assert "Somebody else has changed this meanwhile." in get_text(response)

    erin.post(page, shown | {"meeting_url": "https://a.example"})
    appointment.refresh_from_db()
    assert (appointment.notes, appointment.meeting_url) == ("Morgan was here", "https://a.example")


# Links


def test_reception_revokes_the_links_after_asking(erin, book, at):
    appointment = book(at(9))
    page = f"/admin/booking/appointment/{appointment.pk}/change/"
    ask = f"/admin/booking/appointment/{appointment.pk}/revoke-links/"
    assert f'action="{ask}"' in erin.get(page).content.decode()
    with nothing_changes():
        assert "Revoke the links" in erin.get(ask).content.decode()

    response = erin.post(ask, follow=True)

    assert f"The links to {appointment.reference} do not work any more." in response.content.decode()
    appointment.refresh_from_db()
    assert appointment.link_version == 1
    event = Event.objects.latest("id")
    assert (event.kind, event.actor, event.data) == (
        "appointment.updated",
        f"staff:{erin.user.pk}",
        {"changed": ["link_version"]},
    )


def test_links_cannot_be_revoked_without_the_permission_to_decide(danas_browser, book, at):
    appointment = book(at(9))
    ask = f"/admin/booking/appointment/{appointment.pk}/revoke-links/"
    assert ask not in danas_browser.get(f"/admin/booking/appointment/{appointment.pk}/change/").content.decode()

    with nothing_changes():
        assert [danas_browser.get(ask).status_code, danas_browser.post(ask).status_code] == [403, 403]


def test_page_says_which_reminders_were_sent_and_how_far_they_got(erin, book, at):
    appointment = book(at(14))
    [first, second] = appointment.reminders.all()
    first.status, first.skip_reason, second.status = "skipped", "no_consent", "sent"
    first.save()
    second.channel = "sms"
    second.save()
    TextMessage.objects.create(
        pk=second.pk, appointment=appointment, purpose="reminder", status="failed", error="30003"
    )
    TextMessage.objects.create(appointment=appointment, purpose="offer", status="delivered")
    confirm_attendance(appointment, actor="patient")

    page = get_text(erin.get(url("booking_appointment", "change", appointment.pk)))

    assert "Reminder by e-mail not sent: the patient has not asked for reminders" in page
    assert "Reminder by text message not delivered (30003)" in page
    assert "Text: offer of a free time delivered" in page
    assert "Says they are coming: yes, on " in page
