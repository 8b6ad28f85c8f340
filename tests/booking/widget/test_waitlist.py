"""The patient's pages of the waiting list, from the wish to the time that is taken."""

import re
from datetime import datetime, time, timedelta

import pytest
from django.urls import reverse

from booking.access.patient_links import appointment_token, entry_token
from booking.domain.holds import release_hold
from booking.domain.waitlist import MAX_PER_NETWORK, join_for_earlier
from booking.domain.waitlist_offers import offer_freed_times
from booking.models import Appointment, Hold, Waitlist, WaitlistEntry, WaitlistOffer
from scheduling.models import WorkingHours
from tests.conftest import LONDON, make_clinician
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://clinic.example"


@pytest.fixture
def noon(day):
    """Yesterday noon in London: mails of then are due."""
    return datetime.combine(day - timedelta(days=8), time(12), LONDON)


@pytest.fixture
def here(consultation, dana):
    return reverse("widget:wait", args=[consultation.slug])


@pytest.fixture
def wish(day):
    return {
        "weekdays": [str(day.weekday())],
        "parts_of_day": ["morning"],
        "first_day": day.isoformat(),
        "last_day": day.isoformat(),
        "first_name": "Carol",
        "last_name": "Baker",
        "email": "carol@example.org",
        "phone": "020 7946 0999",
    }


def get_links(mail):
    return re.findall(r"https://clinic\.example(/\S+)", mail.body)


def test_wish_is_left_confirmed_offered_and_booked(
    client, here, wish, consultation, day, at, hold_time, noon, mailoutbox
):
    taken = hold_time(at(9))
    assert here in client.get(reverse("widget:times", args=[consultation.slug])).text
    assert client.get(here).status_code == 200

    page = client.post(here, wish)

    assert (page.status_code, "carol@example.org" in page.text) == (200, True)
    entry = WaitlistEntry.objects.get()
    assert (entry.status, entry.weekdays, entry.parts_of_day) == ("unconfirmed", [day.weekday()], ["morning"])
    assert (entry.name, entry.phone, entry.clinician, entry.location) == ("Carol Baker", "+442079460999", None, None)
    assert len(entry.known_starts) == 5  # of the morning nine o'clock is held
    run_what_is_due()
    assert mailoutbox[0].subject == "Please confirm your place on the waiting list at Harbour Clinic"
    [link] = get_links(mailoutbox[0])
    assert "Carol" not in mailoutbox[0].body  # nobody knows yet who typed that
    with nothing_changes():
        assert "Put me on the list" in client.get(link).text
    assert client.post(link, {"confirm": "1"}).status_code == 303
    page = client.get(link).text
    assert "You are on the waiting list" in page
    for secret in ("Carol", "Baker", "carol@", "7946"):
        assert secret not in page

    release_hold(taken, actor="patient")
    offer_freed_times(now=noon)
    run_what_is_due()

    offer, hold = mailoutbox[1], Hold.objects.get(waitlist_offer__isnull=False)
    assert offer.subject == f"A time is free for you at Harbour Clinic, {at(9):%a} {at(9).day} {at(9):%B %Y}, 09:00"
    assert (offer.to, "Dear Carol Baker," in offer.body) == (["carol@example.org"], True)
    take, manage = get_links(offer)
    assert manage == link
    assert "We hold" in client.get(link).text
    page = client.get(take).text
    for given in ("Carol", "Baker", "carol@example.org", "+442079460999"):
        assert f'value="{given}"' in page
    details = {name: wish[name] for name in ("first_name", "last_name", "email", "phone")}
    details |= {"date_of_birth_day": "1", "date_of_birth_month": "2", "date_of_birth_year": "1990"}
    assert client.post(f"{take}confirm", details).status_code == 303
    offer_freed_times(now=noon)
    visit = Appointment.objects.get(pk=hold.pk)
    assert (visit.status, visit.verification, visit.is_typed) == ("confirmed", "verified", True)
    assert "You are no longer on the waiting list" in client.get(link).text


def test_offer_is_booked_for_another_address_only_with_its_link(client, here, wish, at, hold_time, noon, mailoutbox):
    taken = hold_time(at(9))
    client.post(here, wish)
    client.post(reverse("widget:wish", args=[entry_token(WaitlistEntry.objects.get())]), {"confirm": "1"})
    release_hold(taken, actor="patient")
    offer_freed_times(now=noon)
    run_what_is_due()
    take, _manage = get_links(mailoutbox[-1])
    details = {"last_name": "Mallory", "email": "victim@example.org", "phone": "07400 123456"}
    details |= {"date_of_birth_day": "1", "date_of_birth_month": "2", "date_of_birth_year": "1990"}

    assert client.post(f"{take}confirm", details).status_code == 303

    visit = Appointment.objects.get()
    assert (visit.status, visit.verification, visit.is_typed) == ("pending", "required", True)


def test_wish_can_be_changed_declined_and_ended(client, here, wish, consultation, at, hold_time, noon, day):
    taken = hold_time(at(9))
    client.post(here, wish)
    entry = WaitlistEntry.objects.get()
    link, change = (reverse(f"widget:{name}", args=[entry_token(entry)]) for name in ("wish", "change_wish"))
    assert client.get(change).status_code == 302  # not before it is confirmed
    client.post(link, {"confirm": "1"})
    later = day + timedelta(days=3)
    assert client.get(change).status_code == 200
    assert client.post(change, {"last_day": day.isoformat(), "first_day": later.isoformat()}).status_code == 422
    assert client.post(change, {"last_day": later.isoformat()}).status_code == 303
    entry.refresh_from_db()
    assert (entry.weekdays, entry.parts_of_day, entry.first_day, entry.last_day) == ([], [], None, later)
    assert entry.name == "Carol Baker"
    release_hold(taken, actor="patient")
    offer_freed_times(now=noon)

    client.post(link, {"decline": "1"})

    assert Hold.objects.get(waitlist_offer__entry=entry).status == "released"
    offer_freed_times(now=noon)
    client.post(link, {"leave": "1"})
    entry.refresh_from_db()
    assert (entry.status, WaitlistOffer.objects.get().outcome) == ("left", "declined")
    with nothing_changes():
        assert client.post(link, {"confirm": "1"}).status_code == 303
        assert client.get(link[:-5] + "AAAA/").status_code == 404


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"email": ""}, "Please enter your e-mail address."),
        ({"email": "nobody"}, "Please enter an e-mail address such as name@example.org."),
        ({"first_name": "", "last_name": ""}, "Please enter your name: one of the two is enough."),
        ({"last_day": "2020-01-01"}, "That day is over. Please choose a later one."),
        ({"last_day": "soon"}, "Please enter a real date."),
        ({"phone": "12"}, None),
        ({"weekdays": ["7"]}, None),
        ({"parts_of_day": ["night"]}, None),
    ],
)
def test_wish_that_cannot_be_read_is_refused(client, here, wish, changes, problem):
    with nothing_changes():
        page = client.post(here, wish | changes)

    assert page.status_code == 422
    assert (problem or "") in page.text
    assert not WaitlistEntry.objects.exists()


def test_where_and_with_whom_are_kept_from_the_page_of_times(client, here, wish, dana, harbour, consultation):
    consultation.mode = "both"
    consultation.save()
    WorkingHours.objects.filter(clinician=dana, weekday=0).update(is_remote=True)
    erin = make_clinician("Erin Stone", location=harbour, services=[consultation])
    found = []
    for where in (harbour.pk, "video", ""):
        page = client.get(here, {"where": where, "clinician": erin.pk})
        assert f'<option value="{where}" selected>' in page.text
        assert f'<option value="{erin.pk}" selected>' in page.text
        client.post(here, wish | {"where": where, "clinician": erin.pk})
        entry = WaitlistEntry.objects.latest("created_at")
        found.append((entry.location, entry.is_remote, entry.clinician))

    assert found == [(harbour, False, erin), (None, True, erin), (None, None, erin)]


def test_name_of_one_word_is_enough(client, here, wish):
    client.post(here, wish | {"first_name": "Björk", "last_name": ""})

    entry = WaitlistEntry.objects.get()
    assert (entry.first_name, entry.last_name) == ("", "Björk")


def test_answer_is_the_same_when_an_address_is_on_many_lists(client, here, wish, settings):
    pages = {client.post(here, wish, REMOTE_ADDR=f"192.0.2.{number}").text for number in range(7)}

    assert len({re.sub('nonce="[^"]*"', "", page) for page in pages}) == 1
    assert WaitlistEntry.objects.count() == 5


def test_too_many_wishes_of_a_network_are_refused(client, here, wish):
    home = "2001:db8:9:%d::1"  # one customer may have all networks of a /48
    for number in range(MAX_PER_NETWORK):
        mine = wish | {"email": f"carol{number}@example.org"}
        assert client.post(here, mine, REMOTE_ADDR=home % number).status_code == 200
    with nothing_changes():
        page = client.post(here, wish | {"email": "dave@example.org"}, REMOTE_ADDR=home % MAX_PER_NETWORK)

    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= 86_401
    assert WaitlistEntry.objects.count() == MAX_PER_NETWORK


def test_closed_list_is_neither_offered_nor_joined(client, here, wish, consultation):
    Waitlist.objects.create(service=consultation, is_open=False)

    assert here not in client.get(reverse("widget:times", args=[consultation.slug])).text
    assert (client.get(here).status_code, client.post(here, wish).status_code) == (404, 404)
    assert client.get(here.replace("consultation", "nothing")).status_code == 404
    assert not WaitlistEntry.objects.exists()


def test_visit_offers_to_tell_of_something_earlier(client, book, hold_time, at, noon, mailoutbox):
    visit, earlier = book(at(10)), hold_time(at(9))
    page = reverse("widget:appointment", args=[appointment_token(visit)])
    ask = reverse("widget:earlier", args=[appointment_token(visit)])
    assert "Tell me if something earlier is free" in client.get(page).text
    assert client.post(ask).status_code == 303
    assert "You are on the list." in client.get(page).text
    release_hold(earlier, actor="patient")
    offer_freed_times(now=noon)
    run_what_is_due()
    [offer] = [mail for mail in mailoutbox if mail.subject.startswith("A time is free for you")]
    take, _manage = get_links(offer)
    assert "You keep your visit on" in offer.body
    hold = Hold.objects.get(waitlist_offer__isnull=False)
    token = take.rstrip("/").rpartition("/")[2]
    assert client.get(f"/hold/{token}/").status_code == 404  # it is for this visit alone
    assert client.get(take).status_code == 200

    assert client.post(f"{take}confirm").status_code == 303

    visit.refresh_from_db()
    assert (visit.starts_at, visit.slot_id) == (hold.starts_at, hold.slot_id)
    offer_freed_times(now=noon)
    assert WaitlistEntry.objects.get().status == "booked"
    assert "Tell me if something earlier is free" in client.get(page).text


def test_wish_for_something_earlier_ends_by_one_press(client, book, at):
    visit = book(at(10))
    ask = reverse("widget:earlier", args=[appointment_token(visit)])
    client.post(ask)

    client.post(ask, {"leave": "1"})

    assert WaitlistEntry.objects.get().status == "left"


def test_visit_that_waits_quietly_offers_the_same_as_any(client, book, at):
    """Nobody is told which bookings have to be verified quietly: there the page asks and answers alike."""
    visits = [book(at(hour), network="n") for hour in (10, 11)]
    Appointment.objects.filter(pk=visits[1].pk).update(
        status="pending", verification="required_quietly", answer_by=at(8)
    )
    pages = []
    for visit in visits:
        page = reverse("widget:appointment", args=[appointment_token(visit)])
        before = client.get(page).text
        client.post(reverse("widget:earlier", args=[appointment_token(visit)]))
        pages.append(("Tell me if" in before, "We have sent you an e-mail." in client.get(page).text))

    assert pages == [(True, True), (True, True)]


def test_mail_of_an_offer_that_ended_is_not_sent(book, hold_time, at, noon, mailoutbox):
    earlier, visit = hold_time(at(9)), book(at(10))
    run_what_is_due()
    mailoutbox.clear()
    entry = join_for_earlier(visit, actor="patient")
    release_hold(earlier, actor="patient")
    offer_freed_times(now=noon)
    entry.delete()

    run_what_is_due()

    assert mailoutbox == []
