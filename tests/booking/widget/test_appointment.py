"""What a patient does with an appointment: wait for its outcome, give it another time, cancel it."""

from datetime import timedelta

import pytest
from django.db import connection

from booking.access.patient_links import LINK_LIFETIME, appointment_token, order_token
from booking.domain.appointments import acknowledge, cancel, complete, confirm, decline, revoke_links
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import send_link
from booking.domain.rescheduling import reschedule_to_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Hold
from scheduling.lib.clock import database_now
from scheduling.models import Location, Service, Slot
from tests.booking.widget.conftest import Page
from tests.conftest import make_clinician
from tests.ledger import begin, lapse, nothing_changes

HTMX = {"HX-Request": "true"}


@pytest.fixture
def visit(booked):
    """The address of Alice's appointment at nine."""
    return f"/appointment/{appointment_token(booked)}/"


@pytest.fixture
def pending(client, desk, held, typed):
    """Alice's appointment at nine, for which staff must be asked."""
    client.post(f"/hold/{held.token}/confirm", typed)
    return Appointment.objects.get()


# Waiting


def test_pending_appointment_says_who_was_asked_and_until_when(client, held, pending):
    response = client.get(f"/hold/{held.token}/done")

    page = Page(response)
    by = pending.answer_by.astimezone(pending.location.zone)
    assert "Your request is with the clinic We have asked the clinic." in page.text
    assert f"You will hear by {by:%A} {by.day} {by:%B}, {by:%H:%M %Z} , here and by e-mail." in page.text
    assert "If you no longer want it You can withdraw it here until it is confirmed" in page.text
    assert "Add to calendar" not in page.text
    assert f"/appointment/{appointment_token(pending)}/" in page.links  # to look again without JavaScript
    for secret in ("Alice", "Archer", "alice@example.org"):
        assert secret not in response.content.decode()


def outcome(client, appointment, **query):
    return client.get(f"/appointment/{appointment_token(appointment)}/outcome", query, headers=HTMX)


def test_outcome_of_unanswered_request_is_polled_ever_less_often(client, pending):
    pauses = []
    for looked in range(14):
        response = outcome(client, pending, status="pending", looked=looked)
        assert "HX-Retarget" not in response
        assert f"looked={looked + 1}" in response.content.decode()
        pauses.append(int(response.content.decode().partition("delay:")[2].partition("s")[0]))
    assert pauses == [2, 2, 2, 3, 3, 5, 5, 8, 13, 20, 30, 30, 30, 30]


@pytest.mark.parametrize(
    "verb, heading",
    [
        (lambda appointment: confirm(appointment, actor="erin"), "You are booked"),
        (lambda appointment: decline(appointment, actor="erin"), "The clinic could not confirm this"),
        (
            lambda appointment: cancel(appointment, reason="not_acknowledged", actor="worker"),
            "Nobody confirmed this in time",
        ),
        (
            lambda appointment: cancel(appointment, reason="clinic_closed", actor="erin"),
            "This appointment is cancelled",
        ),
    ],
)
def test_outcome_of_answered_request_replaces_the_page_and_ends_polling(client, pending, verb, heading):
    verb(pending)

    response = outcome(client, pending, status="pending", looked=3)

    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#visit", "outerHTML")
    assert heading in Page(response).text
    assert "hx-trigger" not in response.content.decode()
    assert f"<title>{heading} – Harbour Clinic</title>" in response.content.decode()


def test_outcome_of_reserved_request_is_polled_every_thirty_seconds(client, pending):
    acknowledge(pending, "reserved", actor="provider:desk")

    response = outcome(client, pending, status="pending", looked=1)

    assert "Your time is reserved" in Page(response).text
    assert "delay:30s" in response.content.decode()


@pytest.mark.parametrize("reason", ["declined", "not_acknowledged"])
def test_appointment_that_was_not_confirmed_leads_to_other_times(client, held, pending, reason):
    cancel(pending, reason=reason, actor="erin")

    page = Page(client.get(f"/hold/{held.token}/done"))

    assert "othing is booked" in page.text
    assert "/book/consultation/" in page.links
    assert "tel:+442079460000" in page.links
    assert not any(link.endswith((".ics", "/cancel", "/reschedule")) for link in page.links)


def test_outcome_with_malformed_count_of_polls_counts_from_zero(client, pending):
    for looked in ("", "-1", "x", "²", "9" * 50):
        assert "delay:2s" in outcome(client, pending, status="pending", looked=looked).content.decode()
    assert client.get(f"/appointment/{appointment_token(pending)}/outcome").status_code == 302  # not for people


# Cancelling


def test_cancel_with_reason_cancels_and_frees_the_time(client, visit, booked):
    form = Page(client.get(f"{visit}cancel"))
    assert "Cancel this appointment?" in form.text

    response = client.post(f"{visit}cancel", {"reason": "patient_unwell", "note": "A cold"})

    assert (response.status_code, response["Location"]) == (303, visit)
    booked.refresh_from_db()
    assert (booked.status, booked.cancellation_reason, booked.cancellation_note) == (
        "cancelled",
        "patient_unwell",
        "A cold",
    )
    assert not Slot.objects.exists()
    assert "This appointment is cancelled" in Page(client.get(visit)).text
    assert client.get(f"{visit}cancel")["Location"] == visit


@pytest.mark.parametrize(
    "answer",
    [
        {"reason": "declined"},
        {"reason": "x"},
        {"reason": "other", "note": "x" * 501},
        {"reason": "other", "note": "a\x00b"},
    ],
)
def test_cancel_with_invalid_reason_or_note_is_422(client, visit, answer):
    with nothing_changes():
        response = client.post(f"{visit}cancel", answer)

    assert response.status_code == 422
    assert "Please check this" in Page(response).text


def test_cancel_without_reason_records_other(client, visit, booked):
    client.post(f"{visit}cancel", {"reason": ""})

    booked.refresh_from_db()
    assert (booked.status, booked.cancellation_reason) == ("cancelled", "other")


def test_cancel_of_pending_appointment_after_the_cutoff_cancels(client, pending):
    Service.objects.update(cancellation_notice=timedelta(days=30))
    visit = f"/appointment/{appointment_token(pending)}/"
    assert f"{visit}cancel" in Page(client.get(visit)).links

    response = client.post(f"{visit}cancel", {"reason": ""})

    assert (response.status_code, response["Location"]) == (303, visit)
    pending.refresh_from_db()
    assert pending.status == "cancelled"


def test_appointment_after_its_cutoff_can_only_be_changed_by_phone(client, visit, booked):
    Service.objects.update(cancellation_notice=timedelta(days=30))

    page = Page(client.get(visit))
    assert "It is too late to change it online. Please call Harbour Clinic, +44 20 7946 0000 , and" in page.text
    assert not any(link.endswith(("/cancel", "/reschedule")) for link in page.links)
    for name, method in [
        ("cancel", client.get),
        ("cancel", client.post),
        ("reschedule", client.get),
        ("reschedule/hold", client.post),
    ]:
        with nothing_changes():
            response = method(f"{visit}{name}", {"reason": "other"})
        assert response.status_code == 409
        assert "It is too late to change it online" in Page(response).text
        assert booked.reference in Page(response).text
        assert "tel:+442079460000" in Page(response).links


def test_cancel_and_move_of_completed_appointment_change_nothing(client, visit, booked):
    complete(begin(booked), actor="erin")

    with nothing_changes():
        for address in (f"{visit}cancel", f"{visit}reschedule/hold"):
            assert client.post(address, {"reason": "other"})["Location"] == visit
    assert "This appointment is over" in Page(client.get(visit)).text


@pytest.mark.parametrize("name", ["", "outcome", "cancel", "reschedule", "appointment.ics"])
@pytest.mark.parametrize("token", ["nonsense", "A" * 64, "x" * 200])
def test_appointment_pages_with_unknown_token_are_404(client, db, token, name):
    assert client.get(f"/appointment/{token}/{name}").status_code == 404


# Another time


@pytest.fixture
def new_time(client, visit, opening, at):
    """Hold ten o'clock for the appointment and return the address of that hold."""
    response = client.post(f"{visit}reschedule/hold", {"opening": opening(at(10))})
    assert response.status_code == 303
    return response["Location"]


def test_move_keeps_the_old_time_until_the_new_one_is_confirmed(client, visit, booked, new_time, at):
    assert {hold.starts_at for hold in Hold.objects.filter(status="active")} == {at(10)}
    page = Page(client.get(new_time))
    assert "Is this the new time?" in page.text
    booked.refresh_from_db()
    assert booked.starts_at == at(9)

    response = client.post(f"{new_time}confirm")

    assert (response.status_code, response["Location"]) == (303, f"/hold/{new_time.split('/')[4]}/done")
    booked.refresh_from_db()
    assert (booked.starts_at, booked.status) == (at(10), "confirmed")
    assert [slot.period.lower for slot in Slot.objects.all()] == [at(10)]
    assert "Your appointment has moved A confirmation is on its way" in Page(client.get(response["Location"])).text
    page = Page(client.get(visit))
    assert "Your appointment is confirmed" in page.text and ", 10:00 London time" in page.text


@pytest.fixture
def otis(consultation):
    """A clinician in Berlin."""
    mitte = Location.objects.create(name="Mitte", timezone="Europe/Berlin", city="Berlin")
    return make_clinician("Otis Hale", location=mitte, services=[consultation])


def test_reschedule_link_searches_the_same_clinician_and_place(client, visit, dana, harbour, day, otis):
    [link] = [link for link in Page(client.get(visit)).links if link.startswith(f"{visit}reschedule")]
    assert link == f"{visit}reschedule?clinician={dana.pk}&where={harbour.pk}"

    found = client.get(f"{link}&day={day}").context["places"]

    assert [place.place for place in found] == ["Harbour Street"]


def test_reschedule_with_clinician_without_hours_offers_to_drop_the_filters(client, visit, dana, harbour, otis):
    dana.working_hours.all().delete()

    response = client.get(f"{visit}reschedule?clinician={dana.pk}&where={harbour.pk}")

    assert response.status_code == 200
    assert "Show every clinician and place" in Page(response).text


def test_move_to_another_clinician_and_place_says_what_changes(client, visit, opening, day, at, otis):
    mitte = Location.objects.get(name="Mitte")
    theirs = opening(at(10), clinician_id=otis.pk, location_id=mitte.pk)
    held = client.post(f"{visit}reschedule/hold", {"opening": theirs})["Location"]

    page = Page(client.get(held))

    date = f"{day:%A} {day.day} {day:%B}"
    in_berlin = at(10).astimezone(mitte.zone)
    assert (
        f"This is with another clinician and at another place. When {date}, 11:00 {in_berlin:%Z} "
        f"instead of {date}, 09:00 {at(9):%Z} With Otis Hale instead of Dana Reed "
        "Where Mitte, Berlin instead of Harbour Street, 12 Harbour Street, London E1 6AN"
    ) in page.text


def test_move_to_same_clinician_and_place_says_as_before(client, new_time):
    page = Page(client.get(new_time))

    assert "This is with" not in page.text
    assert "With Dana Reed as before Where Harbour Street, 12 Harbour Street, London E1 6AN as before" in page.text


def test_confirm_of_confirmed_move_redirects_to_the_appointment(client, visit, new_time):
    client.post(f"{new_time}confirm")

    with nothing_changes():
        assert client.post(f"{new_time}confirm")["Location"] == visit
        assert client.get(new_time)["Location"] == visit


def test_time_held_for_a_move_is_no_new_booking(client, new_time, booked, typed):
    its_own_page = f"/hold/{new_time.split('/')[4]}/"

    with nothing_changes():
        for name in ("check", "confirm", "again", "extend"):
            assert client.post(f"{its_own_page}{name}", typed).status_code == 404

    assert client.post(f"{new_time}confirm").status_code == 303


def test_confirm_of_hold_taken_by_concurrent_move_creates_no_second_appointment(client, hold_time, booked, typed, at):
    held = hold_time(at(10))
    in_the_other_window = [held]
    its_own_page = f"/hold/{held.token}/"

    def change_before_query(execute, sql, *arguments):
        if in_the_other_window and sql.startswith("SAVEPOINT"):  # it has been read, and not been locked yet
            reschedule_to_hold(booked, in_the_other_window.pop(), actor="patient")
        return execute(sql, *arguments)

    with connection.execute_wrapper(change_before_query):
        response = client.post(f"{its_own_page}confirm", typed)

    assert (response.status_code, response["Location"]) == (303, f"{its_own_page}done")
    assert Appointment.objects.count() == 1


def test_done_page_of_moved_appointment_is_410_once_it_is_cancelled(client, visit, new_time, booked):
    client.post(f"{new_time}confirm")
    done = f"/hold/{new_time.split('/')[4]}/done"
    assert booked.reference in Page(client.get(done)).text

    booked.refresh_from_db()
    cancel(booked, reason="other", actor="erin")

    for address in (done, done.replace("done", "appointment.ics")):
        assert client.get(address, follow=True).status_code == 410


def test_times_page_of_a_move_says_the_present_time(client, visit, day, at, held):
    page = Page(client.get(f"{visit}reschedule", {"day": day}))

    assert "Choose another time Consultation" in page.text
    has = f"You have {day:%A} {day.day} {day:%B}, 09:00 {at(9):%Z} with Dana Reed, Harbour Street."
    assert has in page.text
    assert "You keep that until you have confirmed the new time." in page.text
    assert visit in page.links
    assert not any("09:00" in word for word in page.words if "You have" not in word)


def test_move_after_price_change_shows_and_keeps_the_appointments_price(client, visit, new_time, day, booked):
    Service.objects.update(price=75)

    pages = [client.get(f"{visit}reschedule", {"day": day}), client.get(new_time)]
    client.post(f"{new_time}confirm")
    pages.append(client.get(visit))

    assert [("£60" in page.text, "£75" in page.text) for page in map(Page, pages)] == [(True, False)] * 3


def test_confirm_of_move_after_the_cutoff_is_409(client, new_time, at, booked):
    Service.objects.update(cancellation_notice=timedelta(days=30))

    with nothing_changes():
        response = client.post(f"{new_time}confirm")

    assert response.status_code == 409
    assert "It is too late to change it online" in Page(response).text


def test_hold_of_a_move_is_extended_held_again_and_released(client, visit, new_time, at, day, harbour):
    Hold.objects.filter(status="active").update(expires_at=database_now() + timedelta(minutes=4))
    response = client.post(f"{new_time}extend")
    assert (response.status_code, response["Location"]) == (307, f"{new_time}?extended=1")

    lapse(Hold.objects.get(status="active"))
    assert client.post(f"{new_time}confirm").status_code == 410
    again = client.post(f"{new_time}again")["Location"]
    assert again.startswith(visit)

    assert client.post(f"{again}release")["Location"] == f"{visit}reschedule?day={day}&where={harbour.pk}"
    assert "Your appointment keeps the time it had." in Page(client.get(again)).text
    assert Appointment.objects.get().starts_at == at(9)


def test_confirm_of_move_to_hold_of_another_service_is_404(client, visit, hold_time, dana, at):
    other = Service.objects.create(name="Massage", slug="massage", notice=timedelta())
    dana.services.add(other)
    hold = hold_time(at(14), service=other)

    with nothing_changes():
        assert client.post(f"{visit}to/{hold.token}/confirm").status_code == 404


def test_confirm_of_move_of_cancelled_appointment_changes_nothing(client, visit, new_time, booked):
    cancel(booked, reason="other", actor="erin")

    with nothing_changes():
        response = client.post(f"{new_time}confirm")

    assert (response.status_code, response["Location"]) == (303, visit)


def test_move_of_pending_appointment_keeps_it_pending(client, pending, opening, at):
    Service.objects.update(cancellation_notice=timedelta(days=30))  # which does not count yet
    visit = f"/appointment/{appointment_token(pending)}/"
    new_time = client.post(f"{visit}reschedule/hold", {"opening": opening(at(10))})["Location"]

    client.post(f"{new_time}confirm")

    pending.refresh_from_db()
    assert (pending.starts_at, pending.status, pending.answer_by > database_now()) == (at(10), "pending", True)


# A link that is over


def test_pages_of_a_link_that_has_ended_say_so_and_nothing_else(client, held, booked, visit):
    end = database_now() - LINK_LIFETIME - timedelta(minutes=1)
    Appointment.objects.update(starts_at=end - timedelta(hours=1), ends_at=end)
    calendar_file = client.get(f"/hold/{held.token}/appointment.ics")
    pages = [visit, f"{visit}cancel", f"{visit}reschedule", f"{visit}appointment.ics", f"/hold/{held.token}/done"]

    for response in map(client.get, pages):
        page = Page(response)
        assert response.status_code == 410
        assert "This link has ended It worked until 30 days after the visit." in page.text
        for detail in (booked.reference, "Dana", "Consultation", "Harbour Street"):
            assert detail not in page.text
    with nothing_changes():
        assert client.post(f"{visit}cancel").status_code == 410
    assert calendar_file.status_code == 302  # to the page that says so


def test_revoked_links_and_the_page_of_the_hold_show_nothing(client, held, booked, visit):
    revoke_links(booked, actor="erin")

    old = client.get(visit)
    done = client.get(f"/hold/{held.token}/done")
    new = client.get(f"/appointment/{appointment_token(booked)}/")

    assert (old.status_code, done.status_code, new.status_code) == (410, 404, 200)
    assert "This link no longer works We have replaced it." in Page(old).text
    assert booked.reference not in Page(old).text


def test_revoked_link_of_an_orders_appointment_is_not_shown_by_the_orders_link(client, order, at, dana, harbour):
    send_link(order, actor="erin")
    opening = OpeningRequest(order.service, at(9), dana, harbour, is_remote=False)
    booked = book_directly(opening, patient=order.patient, order=order, holder=Holder("erin"), actor="erin")
    page = f"/order/{order_token(order)}/"
    assert client.get(page).status_code == 200

    revoke_links(booked, actor="erin")

    assert client.get(page).status_code == 404
