"""Every text of the patient's pages can be translated: with a language that wraps messages, none stays bare."""

import calendar
import json
import re
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from booking.access.patient_links import appointment_token, order_token
from booking.domain.appointments import acknowledge, cancel, complete
from booking.domain.orders import send_link
from booking.models import Appointment, Order
from booking.widget import refusals
from scheduling.models import Location, Service
from tests.conftest import make_clinician
from tests.ledger import begin
from tests.pseudo_locale import find_untranslated, find_untranslated_in_page

# Names, what the clinic and the patient have written, zones, and Django's own names of weekdays.
KNOWN = [
    "Harbour Clinic",
    "Harbour Street",
    "12 Harbour Street, London E1 6AN",
    "Consultation",
    "Dana Reed",
    "Otis Hale",
    "Mitte",
    "Berlin",
    "Physiotherapist",
    "Ring the upper bell.",
    "Your glasses",
    "Alice",
    "Archer",
    "alice@example.org",
    "I use a wheelchair.",
    "Only for new patients.",
    *("Google Calendar", "Outlook.com", "Microsoft 365"),
    *("GMT", "BST", "CET", "CEST"),
    *calendar.day_abbr,
]
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.usefixtures("pseudo_locale")


def assert_translated(*responses, status=200):
    for response in responses:
        assert response.status_code == status, response.get("Location")
        assert find_untranslated_in_page(response.content.decode(), known=KNOWN) == []
        assert "⟦" in response.content.decode()


@pytest.fixture
def otis(consultation):
    """A clinician in Berlin, who is also seen by video."""
    mitte = Location.objects.create(name="Mitte", timezone="Europe/Berlin", city="Berlin")
    clinician = make_clinician("Otis Hale", location=mitte, services=[consultation])
    Service.objects.update(mode="both")
    clinician.working_hours.filter(start_time__hour=13).update(is_remote=True)
    return clinician


@pytest.fixture
def visit(booked):
    """The address of Alice's appointment at nine."""
    return f"/appointment/{appointment_token(booked)}/"


def test_services_page_in_another_language_is_translated(client, consultation):
    for mode in ("in_person", "remote", "both"):
        Service.objects.update(mode=mode, price=0, new_patients_only_text="Only for new patients.")
        assert_translated(client.get("/"))
    Service.objects.update(is_active=False)
    assert_translated(client.get("/"))


def test_times_page_in_another_language_is_translated(client, dana, otis, day, held, opening, at):
    times = "/book/consultation/"
    far = timezone.localdate() + timedelta(days=400)

    assert_translated(
        client.get(times),
        client.get(times, {"day": day}),
        client.get(times, {"day": day, "hold": held.token}),
        client.get(times, {"day": day, "clinician": otis.pk}),
        client.get(times, {"day": day, "hold": "nonsense"}),
        client.get(times, {"day": far}),
        client.get(times, {"day": "2020-01-01"}),
        client.get(times, {"day": day}, headers=HTMX),
    )
    garbled = {"day": "x", "clinician": "x", "where": "x", "hold": "x" * 300, "start": "x"}
    assert_translated(client.get(times, garbled), status=400)
    assert_translated(client.post(f"{times}hold", {"opening": "x"}), status=400)
    assert_translated(client.post(f"{times}hold", {"opening": opening(at(9))}), status=409)
    assert_translated(client.post(f"{times}hold", {"opening": opening(at(22))}), status=422)


def test_times_page_without_free_times_in_another_language_is_translated(client, dana, otis, day):
    times = "/book/consultation/"
    dana.working_hours.filter(weekday=day.weekday()).delete()
    assert_translated(client.get(times, {"day": day}))

    otis.working_hours.filter(weekday=day.weekday()).delete()
    assert_translated(client.get(times, {"day": day, "clinician": otis.pk}))

    for clinician in (dana, otis):
        clinician.working_hours.all().delete()
    assert_translated(client.get(times, {"day": day}))


def test_details_page_in_another_language_is_translated(client, held, typed):
    page = f"/hold/{held.token}/"
    assert_translated(client.get(page), client.post(f"{page}?extended=1", typed), client.post(f"{page}check", typed))
    for wrong in (
        {},
        {"date_of_birth_day": "1", "first_name": "x" * 200, "last_name": "x" * 200, "email": "x", "phone": "x"},
        typed | {"date_of_birth_year": "85", "notes": "x" * 2000},
        typed | {"date_of_birth_month": "x", "first_name": "see www.example.org", "notes": "\u202e"},
        typed | {"date_of_birth_year": "1850", "last_name": "\u202e"},
    ):
        assert_translated(client.post(f"{page}check", wrong), status=422)


def test_expired_hold_in_another_language_is_translated(client, lapsed, typed):
    page = f"/hold/{lapsed.token}/"

    assert_translated(client.get(page), client.post(f"{page}confirm", typed), status=410)


def test_released_hold_in_another_language_is_translated(client, held):
    client.post(f"/hold/{held.token}/release")

    assert_translated(client.get(f"/hold/{held.token}/"), status=410)


def test_order_pages_in_another_language_are_translated(client, order, opening, at, day, dana):
    send_link(order, actor="erin")
    link = f"/order/{order_token(order)}/"
    assert_translated(client.get(link, {"day": day}))

    held = client.post(f"{link}hold", {"opening": opening(at(9))})["Location"]
    assert_translated(client.get(held))
    Order.objects.update(external_id="", address_line_1="4 Mill Lane")
    assert_translated(client.get(held))
    Service.objects.update(cancellation_notice=timedelta(days=30))
    assert_translated(client.get(held))
    Location.objects.update(phone="")
    assert_translated(client.get(held))
    assert_translated(client.get("/order/nonsense/"), status=404)


def test_move_in_another_language_is_translated(client, visit, opening, at, day, dana, otis):
    assert_translated(client.get(f"{visit}reschedule", {"day": day}))
    mitte = Location.objects.get(name="Mitte")
    theirs = {"clinician_id": otis.pk, "location_id": mitte.pk}
    dana.working_hours.filter(start_time__hour=13).update(is_remote=True)

    for pressed in (
        opening(at(10)),
        opening(at(10), **theirs),
        opening(at(14), is_remote=True),
        opening(at(14), **theirs, is_remote=True),
    ):
        response = client.post(f"{visit}reschedule/hold", {"opening": pressed})
        assert response.status_code == 303
        assert_translated(client.get(response["Location"]))
        client.post(f"{response['Location']}release")
    Appointment.objects.update(is_remote=True)
    assert_translated(client.get(f"{visit}reschedule", {"day": day}))
    assert_translated(client.get(response["Location"]), status=410)
    dana.working_hours.all().delete()
    assert_translated(client.get(f"{visit}reschedule", {"clinician": dana.pk, "where": "video"}))


def test_confirmed_appointment_in_another_language_is_translated(client, held, visit):
    assert_translated(client.get(f"/hold/{held.token}/done"), client.get(visit), client.get(f"{visit}cancel"))
    assert_translated(client.post(f"{visit}cancel", {"reason": "x", "note": "x" * 600}), status=422)

    Appointment.objects.update(is_remote=True)
    assert_translated(client.get(visit))
    Appointment.objects.update(meeting_url="https://video.example/alice")
    assert_translated(client.get(visit))
    Location.objects.update(phone="")
    assert_translated(client.get(visit))


def test_appointment_after_its_cutoff_in_another_language_is_translated(client, visit):
    Service.objects.update(cancellation_notice=timedelta(days=30))
    assert_translated(client.get(visit))
    assert_translated(client.get(f"{visit}cancel"), status=409)
    Location.objects.update(phone="")
    assert_translated(client.get(visit))
    assert_translated(client.get(f"{visit}cancel"), status=409)


@pytest.mark.parametrize("reason", ["declined", "not_acknowledged", "other"])
def test_cancelled_appointment_in_another_language_is_translated(client, booked, visit, reason):
    cancel(booked, reason=reason, actor="erin")

    assert_translated(client.get(visit), client.get(f"{visit}outcome", headers=HTMX))


def test_completed_appointment_in_another_language_is_translated(client, booked, visit):
    complete(begin(booked), actor="erin")

    assert_translated(client.get(visit))


def test_request_in_another_language_is_translated(client, desk, held, typed):
    assert_translated(client.post(f"/hold/{held.token}/check", typed))
    client.post(f"/hold/{held.token}/confirm", typed)
    appointment = Appointment.objects.get()
    visit = f"/appointment/{appointment_token(appointment)}/"

    assert_translated(client.get(visit), client.get(f"{visit}cancel"))
    Location.objects.update(phone="")
    acknowledge(appointment, "reserved", actor="provider:desk")
    assert_translated(client.get(visit))


def test_refused_page_in_another_language_is_translated(client, db):
    assert_translated(client.get("/hold/nonsense/"), client.get("/book/nothing/"), status=404)
    assert_translated(client.get("/hold/nonsense/confirm"), status=405)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500", "problems/busy"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_error_page_in_another_language_is_translated(rf, name, method):
    html = render_to_string(f"{name}.html", request=rf.generic(method, "/"))

    assert set(find_untranslated_in_page(html)) == {"Harbour Clinic", "– Harbour Clinic"}
    assert '<html lang="xx" dir="ltr">' in html


def test_refusals_in_another_language_are_translated():
    texts = [
        text
        for refusal in vars(refusals).values()
        if isinstance(refusal, refusals.Refusal)
        for text in (refusal.title, *refusal.sentences)
    ]
    texts += refusals.REASONS.values()

    assert len(texts) > 20
    assert [text for text in texts if find_untranslated(str(text))] == []


def test_script_texts_in_another_language_are_translated(client, db):
    block = re.search(r'<script id="texts" type="application/json">(.*?)</script>', client.get("/").content.decode())
    texts = json.loads(block[1])

    sentences = [*texts.pop("held").values(), *texts.values()]
    assert len(sentences) == 13
    assert [sentence for sentence in sentences if find_untranslated(sentence)] == []
