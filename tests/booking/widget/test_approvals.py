"""Confirming what another system must acknowledge: a no keeps the time and what was typed, silence is a request."""

from dataclasses import replace
from datetime import timedelta

import pytest

from booking.access.patient_links import order_token
from booking.domain.orders import send_link
from booking.models import Appointment, Hold, Provider
from booking.widget import checkout
from scheduling.lib.clock import database_now
from tests.booking.widget.conftest import Page


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody waits for long here."""
    monkeypatch.setattr(checkout, "TIMEOUTS", replace(checkout.TIMEOUTS, sync=timedelta(seconds=0.3)))


def test_confirm_when_approver_agrees_creates_appointment(client, lab, held, typed):
    response = client.post(f"/hold/{held.token}/confirm", typed)

    assert (response.status_code, response["Location"]) == (303, f"/hold/{held.token}/done")
    appointment = Appointment.objects.get()
    assert (appointment.status, appointment.provider) == ("confirmed", lab.provider)


def test_confirm_when_approver_refuses_keeps_hold_and_input(client, lab, held, typed):
    lab.behaviour = "refuses"

    response = client.post(f"/hold/{held.token}/confirm", typed)

    page = Page(response)
    assert response.status_code == 409
    assert "This time was refused" in page.text
    assert page.inputs.items() >= typed.items()
    assert any(link.startswith("/book/consultation/?hold=") for link in page.links)
    assert Hold.objects.get().is_live(database_now()) and not Appointment.objects.exists()


@pytest.mark.parametrize("behaviour", ["never decides", "down", "hangs"])
def test_confirm_when_approver_is_silent_creates_pending_appointment(client, lab, held, typed, behaviour):
    lab.behaviour = behaviour

    response = client.post(f"/hold/{held.token}/confirm", typed)

    assert response.status_code == 303
    assert Appointment.objects.get().status == "pending"
    assert "We have asked The lab. You will hear by" in Page(client.get(response["Location"])).text


def test_check_page_for_staff_approval_says_so(client, harbour, held, typed):
    staff = Provider.objects.create(name="Reception", slug="reception", kind="staff", answer_within=timedelta(days=2))
    staff.locations.add(harbour)

    page = Page(client.post(f"/hold/{held.token}/check", typed))

    assert "The clinic checks each of these requests. You will hear within 2 days" in page.text
    assert "Request this appointment" in page.text and "Confirm appointment" not in page.text


def test_done_page_of_reserved_appointment_says_so(client, lab, held, typed):
    lab.behaviour = "reserves"

    done = client.post(f"/hold/{held.token}/confirm", typed)["Location"]

    assert "Your time is reserved The lab has set it aside for you" in Page(client.get(done)).text


def test_confirm_of_order_when_approver_refuses_leaves_it_open(client, lab, order, opening, at, dana):
    send_link(order, actor="erin")
    lab.behaviour = "refuses"
    held = client.post(f"/order/{order_token(order)}/hold", {"opening": opening(at(9))})["Location"]

    response = client.post(f"{held}confirm")

    assert response.status_code == 409
    assert "This time was refused" in Page(response).text
    assert any(link.startswith(f"/order/{order_token(order)}/?hold=") for link in Page(response).links)
    assert not Appointment.objects.exists()


def test_confirm_of_booked_order_asks_the_approver_nothing(client, lab, order, opening, at, dana):
    send_link(order, actor="erin")
    link = f"/order/{order_token(order)}/"
    first, second = (client.post(f"{link}hold", {"opening": opening(at(hour))})["Location"] for hour in (9, 10))
    client.post(f"{first}confirm")
    asked = len(lab.live())

    assert client.post(f"{second}confirm")["Location"].startswith(link)
    assert len(lab.live()) == asked == 1
