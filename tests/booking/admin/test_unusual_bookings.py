"""Staff see which online bookings look made up, and cancel a selection with one press."""

import pytest
from django.contrib.auth.models import Permission

from booking.access.api_keys import create_key
from booking.models import Appointment, Event, Hold, OutboxMessage, PatientAccess
from patients.models import Patient
from scheduling.models import Slot
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, url
from tests.ledger import nothing_changes

PAGE = "booking_unusualbooking"
NETWORK = "abcdef0123456789"


@pytest.fixture
def bots(book, at):
    """Three bookings of one bot, in one network."""
    return [
        book(
            at(9 + number),
            patient=Patient(
                first_name="Bot", last_name="Roberts", date_of_birth="1990-01-01", email=f"bot{number}@bots.example"
            ),
            holder=f"bot {number}",
            network=NETWORK,
        )
        for number in range(3)
    ]


def cancel_selected(browser, *appointments):
    return browser.post(url(PAGE), {"index": "0", "_selected_action": [each.pk for each in appointments]})


def test_list_says_why_each_booking_is_here(erin, bots, book, at, day):
    book(at(14), network="fedcba98")  # alice, from elsewhere

    page = erin.get(url(PAGE))

    rows = get_rows(page)
    assert len(rows) == 3
    assert rows[0][1:] == [
        "Bot Roberts bot0@bots.example",
        "3 from the network abcdef "
        "3 at @bots.example, where nobody had a mailbox who came before "
        "3 addresses that are counted up, bot…@bots.example",
        f"{day:%a %-d %b}, 09:00 Confirmed Consultation with Dana Reed, Harbour Street · {bots[0].reference}",
    ]
    assert {*PatientAccess.objects.get().patient_ids} == {bot.patient_id for bot in bots}
    assert "abcdef (3) E-mail address @bots.example (3) bot…@bots.example (3)" in get_text(page)


def test_list_can_be_narrowed_to_what_bookings_have_in_common(erin, bots, book, at):
    Hold.objects.filter(pk=bots[0].pk).update(network="fedcba98")
    Hold.objects.filter(pk=bots[1].pk).update(network="123456")

    found = erin.get(url(PAGE), {"sign": "domain:bots.example"})
    none = erin.get(url(PAGE), {"sign": f"network:{NETWORK}"})

    assert len(get_rows(found)) == 3
    assert '<li class="selected"><a href="/admin/booking/unusualbooking/?sign=domain%3Abots.' in found.content.decode()
    assert "Nothing of this kind is left." in get_text(none)


def test_cancel_selected_frees_times_and_tells_everybody_but_the_invented(erin, bots, endpoint, hold_time, at):
    OutboxMessage.objects.all().delete()

    response = cancel_selected(erin, *bots[:2])

    assert list_messages(response) == ["2 bookings are cancelled. Nobody was sent an e-mail."]
    assert [(each.status, each.cancellation_reason) for each in Appointment.objects.order_by("starts_at")] == [
        ("cancelled", "unusual"),
        ("cancelled", "unusual"),
        ("confirmed", ""),
    ]
    assert [message.kind for message in OutboxMessage.objects.all()] == ["webhook.event"] * 2
    event = Event.objects.latest("id")
    assert (event.kind, event.actor, event.data) == (
        "appointment.cancelled",
        f"staff:{erin.user.pk}",
        {"reason": "unusual"},
    )
    assert Slot.objects.count() == 1
    hold_time(at(9), holder="alice's phone")
    assert len(get_rows(erin.get(url(PAGE)))) == 1  # with what is cancelled it is one of three still


def test_what_is_not_on_the_list_is_not_cancelled(erin, bots, book, at):
    alice = book(at(14), network="fedcba98")

    with nothing_changes():
        response = cancel_selected(erin, alice)

    assert list_messages(response) == ["Select the bookings that were made up."]


def test_verified_bookings_are_listed_only_when_asked_for(erin, bots):
    Appointment.objects.update(verification="verified")

    assert get_rows(erin.get(url(PAGE))) == []
    assert "Nothing looks made up." in get_text(erin.get(url(PAGE)))
    with_them = get_rows(erin.get(url(PAGE), {"verified": ""}))
    assert [row[3].endswith("verified by e-mail") for row in with_them] == [True] * 3


@pytest.mark.parametrize("missing", ["decide_appointment", "view_all_appointment"])
def test_page_needs_the_right_to_decide_about_all(missing, erin, bots):
    group = erin.user.groups.get()
    group.permissions.remove(Permission.objects.get(codename=missing))

    with nothing_changes():
        assert erin.get(url(PAGE)).status_code == 403
        assert cancel_selected(erin, *bots).status_code == 403
    assert "Unusual" not in get_text(erin.get("/admin/"))


def test_number_of_queries_does_not_grow_with_the_list(erin, bots, book, at):
    few = count_queries(erin, url(PAGE))
    book(at(14), network=NETWORK)

    assert len(get_rows(erin.get(url(PAGE)))) == 4
    assert count_queries(erin, url(PAGE)) == few


def test_appointment_says_how_it_came_until_its_hold_forgets(erin, bots):
    page = url("booking_appointment", "change", bots[0].pk)
    on_pages = get_text(erin.get(page))
    key, _ = create_key(
        name="Our site", kind="publishable", scopes=["write_holds"], allowed_origins=["https://www.clinic.example"]
    )
    Hold.objects.filter(pk=bots[0].pk).update(holder=key.actor, page="https://www.clinic.example", network="fedcba98")
    with_key = get_text(erin.get(page))
    Hold.objects.update(network="")

    assert "How it came On the patient’s pages, from the network abcdef , as 2 others of these days." in on_pages
    assert f"With the key {key}, https://www.clinic.example, from the network fedcba , as no other" in with_key
    assert "How it came" not in get_text(erin.get(page))
