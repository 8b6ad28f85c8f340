"""The link of an order: choose a time, confirm it, done. Nothing that is known is asked for, or shown."""

from datetime import timedelta
from random import randrange

import pytest
from django.test import Client
from django.urls import reverse

from booking.access.patient_links import order_token
from booking.domain import patients
from booking.domain.appointments import cancel
from booking.domain.orders import cancel_order, revoke_link, send_link
from booking.models import Appointment, Hold, Order
from scheduling.lib.clock import database_now
from scheduling.models import Service
from tests.booking.widget.conftest import Page
from tests.ledger import lapse, nothing_changes

SECRETS = ["Alice", "Archer", "alice@example.org", "1985", "900123", "Mill Lane", "Leeds", "LAB-7"]


@pytest.fixture
def client():
    """A phone of its own: one may hold three times."""
    return Client(REMOTE_ADDR="10.{}.{}.{}".format(*(randrange(256) for _ in range(3))))


@pytest.fixture
def link(order):
    """Return the address of Alice's link."""
    send_link(order, actor="erin")
    return f"/order/{order_token(order)}/"


@pytest.fixture
def hold_page(client, link, opening, at, dana):
    """Hold nine o'clock through the link and return the address of its page."""
    response = client.post(f"{link}hold", {"opening": opening(at(9))})
    assert response.status_code == 303
    return response["Location"]


def test_order_link_books_an_appointment_without_typing(client, order, link, opening, at, day, dana):
    times = Page(client.get(link, {"day": day}))
    assert "Choose a time Consultation" in times.text
    assert opening(at(9)) in times.buttons

    held = client.post(f"{link}hold", {"opening": opening(at(9))})["Location"]
    page = Page(client.get(held))
    assert "Check and confirm" in page.text
    assert page.inputs == {"reminders": False}
    confirmed = client.post(f"{held}confirm")
    assert (confirmed.status_code, confirmed["Location"]) == (303, f"{held}done")
    assert "You are booked" in Page(client.get(confirmed["Location"])).text

    appointment = Appointment.objects.get()
    assert (appointment.order, appointment.patient, appointment.starts_at) == (order, order.patient, at(9))
    assert appointment.attendee_name == "Alice Archer"


def test_order_link_of_booked_order_shows_its_appointment(client, link, hold_page, opening, at):
    client.post(f"{hold_page}confirm")

    page = Page(client.get(link))

    assert "Your appointment is confirmed" in page.text
    assert Appointment.objects.get().reference in page.text
    with nothing_changes():
        response = client.post(f"{link}hold", {"opening": opening(at(10))})
    assert (response.status_code, response["Location"]) == (303, link)


def test_confirm_of_second_hold_of_an_order_redirects_to_the_first(client, link, hold_page, opening, at):
    second = client.post(f"{link}hold", {"opening": opening(at(10))})["Location"]
    client.post(f"{hold_page}confirm")

    with nothing_changes():
        response = client.post(f"{second}confirm")

    assert (response.status_code, response["Location"]) == (303, link)


def test_confirm_of_hold_of_a_cancelled_order_books_nothing(client, order, hold_page):
    cancel_order(order, actor="erin")

    with nothing_changes():
        response = client.post(f"{hold_page}confirm")

    assert (response.status_code, response["Location"]) == (303, reverse("widget:services"))
    assert not Appointment.objects.exists()


def test_order_link_after_cancellation_offers_times_again(client, link, hold_page):
    client.post(f"{hold_page}confirm")
    cancel(Appointment.objects.get(), reason="declined", actor="erin")

    assert "Choose a time" in Page(client.get(link)).text
    assert link in Page(client.get(f"{hold_page}done")).links


def test_pages_of_an_order_show_nothing_stored_of_the_patient(client, order, link, hold_page, day):
    Order.objects.update(address_line_1="4 Mill Lane", city="Leeds")
    pages = [client.get(link, {"day": day}), client.get(hold_page)]
    done = client.post(f"{hold_page}confirm")["Location"]
    pages += [client.get(done), client.get(link)]
    ics = next(address for address in Page(pages[-1]).links if address.endswith(".ics"))

    for response in [*pages, client.get(ics)]:
        assert response.status_code == 200
        assert [secret for secret in SECRETS if secret in response.content.decode()] == []
    assert "At your home" in Page(pages[1]).text
    assert "At your home" in Page(pages[2]).text
    assert "Harbour Street" not in Page(pages[2]).text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: revoke_link(order, actor="erin"),
        lambda order: cancel_order(order, actor="erin"),
        lambda order: send_link(order, actor="erin"),
        lambda order: Order.objects.update(link_ends_at=order.link_ends_at - timedelta(days=61)),
    ],
)
def test_order_link_revoked_replaced_or_expired_is_404_with_advice(client, order, link, opening, at, dana, spoil):
    spoil(order)

    with nothing_changes():
        response = client.get(link)
        refused = client.post(f"{link}hold", {"opening": opening(at(9))})

    assert (response.status_code, refused.status_code) == (404, 404)
    assert "This link no longer works" in Page(response).text
    assert "look for our latest e-mail" in Page(response).text


def test_order_link_books_service_that_is_not_bookable_online(client, link, hold_page):
    Service.objects.update(is_online_bookable=False)

    assert client.get("/book/consultation/").status_code == 404
    assert client.get(link).status_code == 200
    assert client.post(f"{hold_page}confirm").status_code == 303


def test_pressed_time_of_an_order_replaces_the_one_held(client, link, hold_page, opening, at):
    change = next(address for address in Page(client.get(hold_page)).links if address.startswith(link))
    page = Page(client.get(change))
    assert "Held for you" in page.text

    response = client.post(f"{link}hold", {"opening": opening(at(10)), "hold": page.inputs["hold"]})

    assert client.get(response["Location"]).status_code == 200
    assert [(hold.starts_at, hold.order_id is None) for hold in Hold.objects.filter(status="active")] == [
        (at(10), False)
    ]


def test_confirm_of_order_of_archived_patient_is_409(client, order, hold_page):
    patients.archive(order.patient, actor="erin")

    with nothing_changes():
        response = client.post(f"{hold_page}confirm")

    assert response.status_code == 409
    assert "This cannot be booked online Please call the clinic" in Page(response).text


def test_release_of_order_hold_redirects_to_the_link(client, link, hold_page, day, harbour):
    response = client.post(f"{hold_page}release")

    assert response["Location"] == f"{link}?day={day}&where={harbour.pk}"
    assert Hold.objects.get().status == "released"
    assert link in Page(client.get(hold_page)).links


def test_hold_again_of_order_hold_keeps_the_order(client, order, hold_page):
    lapse(Hold.objects.get())
    assert client.get(hold_page).status_code == 410
    assert client.post(f"{hold_page}confirm").status_code == 410

    response = client.post(f"{hold_page}again")
    again = client.post(response["Location"])

    assert (response.status_code, again.status_code) == (307, 200)
    assert Hold.objects.get(slot__isnull=False).order == order
    client.post(f"{response['Location']}confirm")
    assert Appointment.objects.get().order == order


def test_extend_of_order_hold_returns_to_its_page(client, hold_page):
    Hold.objects.update(expires_at=database_now() + timedelta(minutes=4))
    response = client.post(f"{hold_page}extend")

    assert (response.status_code, response["Location"]) == (307, f"{hold_page}?extended=1")
    assert "You have more time now." in Page(client.post(response["Location"])).text


def test_order_hold_after_link_is_revoked_can_be_confirmed_or_released(client, order, hold_page):
    revoke_link(order, actor="erin")

    assert client.get(hold_page).status_code == 200
    assert client.post(f"{hold_page}release")["Location"] == "/"


def test_order_link_address_is_not_logged(client, link, caplog):
    client.get(link)

    assert "/order/<token:token>/" in caplog.text
    assert link.split("/")[2] not in caplog.text
