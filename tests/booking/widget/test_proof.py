"""Where many people are booking: the page on which the browser works, the link by e-mail, the link of a booking."""

import json
import re
from datetime import timedelta
from html import unescape

import altcha
import pytest
from django.core import mail

from booking.access.email_addresses import get_email_id, note_confirmed
from booking.access.patient_links import appointment_token, proof_token, verification_token
from booking.domain.holds import find_hold
from booking.models import Appointment, EmailAddress, Hold, OutboxMessage
from scheduling.lib.clock import database_now
from scheduling.models import Service, Slot
from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

ALICE = get_email_id("alice@example.org")


@pytest.fixture(autouse=True)
def busy(settings, monkeypatch):
    """Many people have booked here today; and the work costs next to nothing."""
    settings.ONLINE_BOOKINGS_PER_NETWORK = 0
    settings.SITE_URL = "https://booking.clinic.example"
    monkeypatch.setattr("booking.access.proof_of_work.ITERATIONS", 1)


@pytest.fixture
def press(client, dana, opening, at):
    """Press the button of nine o'clock."""
    return lambda **typed: client.post("/book/consultation/hold", {"opening": opening(at(9)), **typed})


def solve(response):
    """Return what the browser posts by itself: the form's fields, with the solution."""
    challenge = unescape(re.search('data-challenge="([^"]*)"', response.content.decode())[1])
    challenge = altcha.Challenge.from_dict(json.loads(challenge))
    proof = altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()
    return Page(response).inputs | {"proof_of_work": proof}


def leads_to_other_times(page, start):
    """Return whether a page has a way back to the times of the day."""
    return any(link.startswith(f"/book/consultation/?day={start:%Y-%m-%d}&where=") for link in page.links)


def open_link(client, link):
    return client.get(link.removeprefix("https://booking.clinic.example"))


def test_time_costs_work_and_stays_in_view(press, at):
    with nothing_changes():
        response = press(clinician="", where="")

    page = Page(response)
    assert response.status_code == 429
    assert "Many people are booking from where you are." in page.text
    assert f"{at(9):%A} {at(9).day} {at(9):%B}, 09:00" in page.text
    assert "Consultation , 30 minutes, £60 Dana Reed , Physiotherapist Harbour Street" in page.text
    assert leads_to_other_times(page, at(9))
    assert 'hx-post="/book/consultation/hold"' in response.content.decode()


def test_solved_work_holds_the_time(client, press, at):
    fields = solve(press())

    response = client.post("/book/consultation/hold", fields)

    hold = Hold.objects.get()
    assert response.status_code == 303
    assert (hold.starts_at, hold.must_verify) == (at(9), True)


def test_spent_work_asks_for_more(client, press, opening, at):
    fields = solve(press())
    client.post("/book/consultation/hold", fields)

    response = client.post("/book/consultation/hold", fields | {"opening": opening(at(10))})

    assert response.status_code == 429
    assert "data-automatic" in response.content.decode()
    assert Hold.objects.count() == 1


def test_work_that_fails_again_and_again_waits_for_a_press(press):
    response = press(tried=["1", "1"], proof_of_work="nonsense")

    assert "data-automatic" not in response.content.decode()


def test_time_is_held_without_work_where_the_browser_cannot(press):
    response = press(without_work="1")

    assert response.status_code == 303
    assert Hold.objects.get().must_verify


def test_beyond_the_hours_of_the_network_a_link_is_offered(press, settings, hold_time, at):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 0.5

    response = press(without_work="1")

    page = Page(response)
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "You can still book with a link that we send you by e-mail." in page.text
    assert "Dana Reed" in page.text
    assert "email" in page.inputs


def test_expired_hold_is_held_again_after_work_with_everything_typed(client, lapsed, typed):
    response = client.post(f"/hold/{lapsed.token}/again", typed)
    assert f'action="/hold/{lapsed.token}/again"' in response.content.decode()
    fields = solve(response)
    assert {name: fields[name] for name in typed} == typed

    response = client.post(f"/hold/{lapsed.token}/again", fields)

    assert response.status_code == 307
    assert Page(client.post(response["Location"], fields)).inputs["first_name"] == "Alice"


# The link by e-mail


def test_link_leads_back_to_the_day_and_proves_the_address(client, press, opening, at, day, typed):
    asked = Page(client.get("/book/consultation/proof", {"opening": opening(at(9))}))

    sent = Page(client.post("/book/consultation/proof", asked.inputs | {"email": "Alice@example.org"}))
    assert leads_to_other_times(asked, at(9)) and leads_to_other_times(sent, at(9))
    assert "We are sending a link to Alice@example.org . It leads you back" in sent.text
    assert "example.org" not in str(OutboxMessage.objects.values().get())
    run_what_is_due()
    [message] = mail.outbox
    assert message.to == ["Alice@example.org"]
    assert message.subject == "Your link to the free times at Harbour Clinic"
    assert message.body.startswith("Hello,\n")
    link = re.search(r"https://\S+", message.body)[0]
    assert f"day={day}" in link and "alice" not in link
    response = open_link(client, link)
    page = Page(response)
    assert "Your e-mail address is confirmed." in page.text

    response = press(proof=page.inputs["proof"])

    hold = Hold.objects.get()
    assert (response.status_code, hold.verified_email) == (303, ALICE)
    client.post(f"{response['Location']}confirm", typed)
    booked = Appointment.objects.get()
    assert (booked.status, booked.verification) == ("confirmed", "verified")


def test_link_for_another_service_keeps_its_proof(client, dana):
    proof = proof_token(ALICE)

    assert f"/?proof={proof}" in Page(client.get("/book/consultation/", {"proof": proof})).links
    assert f"/book/consultation/?proof={proof}" in Page(client.get("/", {"proof": proof})).links


def test_forged_proof_is_no_proof(client, press):
    page = Page(client.get("/book/consultation/", {"proof": "forged"}))
    assert "That link has expired. If we need your e-mail address again, we will ask for it." in page.text
    assert "proof" not in page.inputs

    assert press(proof="forged").status_code == 429


def test_proof_stays_with_the_hold(client, press, opening, at):
    token = press(proof=proof_token(ALICE))["Location"].split("/")[2]

    moved = client.post("/book/consultation/hold", {"opening": opening(at(10)), "hold": token})

    assert find_hold(moved["Location"].split("/")[2]).verified_email == ALICE


@pytest.mark.parametrize("email", ["", "alice", "alice@example", "a" * 300 + "@example.org"])
def test_bad_address_is_asked_for_again(client, dana, email):
    with nothing_changes():
        response = client.post("/book/consultation/proof", {"email": email})

    assert response.status_code == 422
    assert "Please check what you typed" in Page(response).text


def test_links_are_asked_for_no_faster_than_people_do(client, dana, redis):
    statuses = [client.post("/book/consultation/proof", {"email": "bob@example.org"}).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert OutboxMessage.objects.count() == 5
    run_what_is_due()
    assert len(mail.outbox) == 3


def test_link_for_unknown_service_is_404(client, db):
    assert client.get("/book/nonsense/proof").status_code == 404


# The link of a booking


@pytest.fixture
def waiting(client, press, typed):
    """Alice's appointment, which waits for the link in its e-mail."""
    hold = press(without_work="1")["Location"]
    client.post(f"{hold}confirm", typed)
    return Appointment.objects.get()


@pytest.fixture
def verify(waiting):
    return f"/verify/{verification_token(waiting)}/"


def lapse(appointment):
    past = database_now() - timedelta(seconds=1)
    Appointment.objects.filter(pk=appointment.pk).update(answer_by=past)
    Slot.objects.filter(pk=appointment.slot_id).update(expires_at=past)


def test_booking_that_waits_says_so(client, waiting):
    page = Page(client.get(f"/appointment/{appointment_token(waiting)}/"))

    until = waiting.answer_by.astimezone(waiting.location.zone)
    assert "Almost done: please confirm by e-mail" in page.text
    assert f"Please open the link in it and confirm by {until:%H:%M} {until:%Z} . We will keep" in page.text


def test_mail_asks_for_a_press_and_names_nobody(waiting, mailoutbox):
    run_what_is_due()

    [message] = mailoutbox
    assert message.subject == "Please confirm your booking at Harbour Clinic"
    assert message.body.startswith("Hello,\n\nThis time was booked with your e-mail address.")
    assert f"https://booking.clinic.example/verify/{verification_token(waiting)}/" in message.body
    for text in (message.body, message.alternatives[0].content):
        for typed in ("Alice", "Archer", "wheelchair"):
            assert typed not in text


def test_opened_link_changes_nothing_and_its_button_books(client, waiting, verify, mailoutbox):
    run_what_is_due()
    with nothing_changes():
        page = Page(client.get(verify))
    assert "Confirm your booking Press the button and the time is yours." in page.text

    for _ in range(2):
        response = client.post(verify)
        assert (response.status_code, response["Location"]) == (303, f"/appointment/{appointment_token(waiting)}/")

    waiting.refresh_from_db()
    assert (waiting.status, waiting.verification) == ("confirmed", "verified")
    assert "Your appointment is confirmed" in Page(client.get(response["Location"])).text
    assert client.get(verify)["Location"] == response["Location"]
    run_what_is_due()
    assert mailoutbox[1].body.startswith("Dear Alice Archer,")


def test_page_of_waiting_booking_changes_when_it_is_verified(client, waiting, verify):
    outcome = f"/appointment/{appointment_token(waiting)}/outcome"
    htmx = {"HX-Request": "true"}
    assert 'id="looking"' in client.get(outcome, {"status": "pending.link"}, headers=htmx).content.decode()

    client.post(verify)

    assert "You are booked" in client.get(outcome, {"status": "pending.link"}, headers=htmx).content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_lapsed_link_offers_the_nearest_times_without_more_proof(client, waiting, verify, at, opening, method):
    lapse(waiting)

    response = getattr(client, method)(verify)

    page = Page(response)
    assert response.status_code == 410
    assert "It was not confirmed in time Sorry, nothing is booked, and the time is free again." in page.text
    assert opening(at(9)) in page.buttons
    held = client.post("/book/consultation/hold", {"opening": opening(at(9)), "proof": page.inputs["proof"]})
    assert find_hold(held["Location"].split("/")[2]).verified_email == ALICE


def test_lapsed_booking_sends_no_mail(client, waiting, mailoutbox):
    run_what_is_due()
    lapse(waiting)
    page = Page(client.get(f"/appointment/{appointment_token(waiting)}/"))
    run_what_is_due()

    assert "It was not confirmed in time" in page.text
    assert len(mailoutbox) == 1


def test_cancelled_booking_stays_cancelled(client, waiting, verify):
    client.post(f"/appointment/{appointment_token(waiting)}/cancel")

    assert client.post(verify)["Location"] == f"/appointment/{appointment_token(waiting)}/"
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"


def test_unknown_verification_is_404(client, db):
    assert client.get("/verify/nonsense/").status_code == 404
    assert client.post("/verify/nonsense/").status_code == 404


# Whoever has many visits to come


@pytest.fixture
def visits(settings):
    """The limit of visits to come; a network's is far away."""

    def visits(limit):
        settings.ONLINE_BOOKINGS_PER_NETWORK = 5
        settings.ONLINE_VISITS_PER_PERSON = limit

    return visits


@pytest.mark.parametrize("kind", ["clinic", "staff"])
def test_page_is_the_same_with_and_without_many_visits(client, press, typed, visits, request, kind):
    if kind == "staff":
        request.getfixturevalue("desk")
    pages = []
    for limit, verification in ((3, "waived"), (1, "required_quietly")):
        visits(limit)
        hold = press()["Location"]
        done = client.post(f"{hold}confirm", typed)["Location"]
        booked = Appointment.objects.latest("created_at")
        assert booked.verification == verification
        token = appointment_token(booked)
        of_this = [done, *(f"/appointment/{token}/{name}" for name in ("", "cancel", "reschedule"))]
        found = [client.get(address) for address in of_this]
        calendar = client.get(f"/appointment/{token}/appointment.ics").content.decode().replace("\r\n ", "")
        texts = [(page.status_code, page.content.decode()) for page in found] + [
            (200, re.sub(r"(?m)^(DTSTAMP|CREATED|LAST-MODIFIED|SEQUENCE|UID).*$", "", calendar))
        ]
        changes = {token: "TOKEN", hold.split("/")[2]: "HOLD", booked.reference: "REFERENCE", str(booked.pk): "ID"}
        pages.append([(status, re.sub('data-watch="[^"]*"', "", _replace(text, changes))) for status, text in texts])
        later = timedelta(days=7 if limit == 3 else 8)
        Appointment.objects.filter(pk=booked.pk).update(
            starts_at=booked.starts_at + later, ends_at=booked.ends_at + later
        )
        Slot.objects.filter(pk=booked.slot_id).update(period=(booked.starts_at + later, booked.ends_at + later))

    assert pages[0] == pages[1]
    assert "If our e-mail asks you to confirm" in pages[0][0][1]


def test_booking_that_lapsed_quietly_is_cancelled_like_any_other(client, press, typed, visits):
    visits(0)
    client.post(f"{press()['Location']}confirm", typed)
    booked = Appointment.objects.get()
    lapse(booked)
    address = f"/appointment/{appointment_token(booked)}/"
    assert "Your appointment is confirmed" in Page(client.get(address)).text

    client.post(f"{address}cancel", {"reason": "patient_unwell"})

    assert "This appointment is cancelled There is nothing else you need to do." in Page(client.get(address)).text


@pytest.mark.parametrize(("limit", "verification"), [(3, "waived"), (0, "required_quietly")])
def test_move_after_the_cutoff_is_refused_with_and_without_many_visits(
    client, press, typed, visits, opening, at, limit, verification
):
    visits(limit)
    client.post(f"{press()['Location']}confirm", typed)
    booked = Appointment.objects.get()
    assert booked.verification == verification
    other = press(opening=opening(at(10)))["Location"].split("/")[2]
    Service.objects.update(cancellation_notice=timedelta(days=30))

    with nothing_changes():
        response = client.post(f"/appointment/{appointment_token(booked)}/to/{other}/confirm")

    assert response.status_code == 409
    assert "It is too late to change it online" in Page(response).text


def _replace(text, changes):
    for old, new in changes.items():
        text = text.replace(old, new)
    return re.sub(r'nonce="[^"]*"', "", text)


# No cannon


def test_stranger_sends_an_unconfirmed_address_three_mails_a_day(client, press, typed, opening, at, visits, mailoutbox):
    visits(9)
    for minutes in range(0, 150, 30):
        starts_at = at(9) + timedelta(minutes=minutes)
        hold = client.post("/book/consultation/hold", {"opening": opening(starts_at)})["Location"]
        client.post(f"{hold}confirm", typed)
    run_what_is_due()

    assert [each.body.splitlines()[0] for each in mailoutbox] == ["Hello,"] * 3
    assert EmailAddress.objects.get().sent == 3
    for each in mailoutbox:
        assert "Alice" not in each.body + each.alternatives[0].content + str(each.message())


def test_confirmed_address_gets_its_mails(client, typed, opening, at, dana, visits, mailoutbox):
    visits(9)
    note_confirmed("alice@example.org", at=database_now())
    for minutes in range(0, 150, 30):
        starts_at = at(9) + timedelta(minutes=minutes)
        hold = client.post("/book/consultation/hold", {"opening": opening(starts_at)})["Location"]
        client.post(f"{hold}confirm", typed)
    run_what_is_due()

    assert len(mailoutbox) == 5
