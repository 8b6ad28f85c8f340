"""A bot books with invented people, from one network and from many. It takes little, and soon nothing."""

import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta
from email import message_from_string, policy
from functools import partial

import pytest
from django.conf import settings
from django.db.models import F

from booking.domain.direct_booking import book_directly
from booking.domain.expiry import cancel_unanswered, expire_stale_holds
from booking.domain.holds import Holder
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Hold
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.abuse.bot import Refused
from tests.conftest import LONDON
from tests.waiting import wait_until

pytestmark = pytest.mark.abuse

HOUR = timedelta(hours=1)
MAX_REFUSALS = 3  # in a row: then the bot thinks that it is over
PER_NETWORK, AT_THE_CLINIC = settings.ONLINE_BOOKINGS_PER_NETWORK, settings.ONLINE_BOOKINGS_FLOOR
ALICE = {"first_name": "Alice", "last_name": "Archer", "email": "alice@example.org"}
CAFE = "198.51.100.7"


def make_networks(number):
    """Return addresses in that many networks. A quarter of them are of one customer's /48 of IPv6."""
    return [f"198.51.100.{each}" if each % 4 else f"2001:db8:7:{each << 8:x}::1" for each in range(1, number + 1)]


def attack(bots, limit=None):
    """Let all bots book at once until they are refused, or ``limit`` times; return how often each answer came."""
    with ThreadPoolExecutor(len(bots)) as threads:
        return sum(threads.map(partial(keep_booking, limit=limit), bots), Counter())


def keep_booking(bot, limit):
    outcomes, refusals = Counter(), 0
    while refusals < MAX_REFUSALS and outcomes["booked"] != limit:
        try:
            bot.book()
            outcomes["booked"] += 1
            refusals = 0
        except Refused as refused:
            outcomes[refused.status] += 1
            refusals += 1
    return outcomes


def count_confirmed():
    """Return how many appointments are confirmed of each network, by its pseudonym."""
    confirmed = Appointment.objects.filter(status="confirmed").values("pk")
    return Counter(Hold.objects.filter(pk__in=confirmed).values_list("network", flat=True))


def list_unverified():
    """Return the moments between which each time is held that nobody has verified, by network."""
    ends = dict(Appointment.objects.filter(status="pending").values_list("pk", "answer_by"))
    times = defaultdict(list)
    for hold in Hold.objects.exclude(network=""):
        if hold.status == "active" or hold.pk in ends:
            times[hold.network].append((hold.created_at, ends.get(hold.pk, hold.expires_at)))
    return times


def pass_hours(hours):
    """Let that many hours pass: all that was written is older. Then beat's tasks run once."""
    for model, names in {
        Hold: ["created_at", "updated_at", "expires_at"],
        Appointment: ["created_at", "updated_at", "answer_by"],
        Slot: ["taken_at", "expires_at"],
    }.items():
        model.objects.update(**{name: F(name) - hours * HOUR for name in names})
    expire_stale_holds()
    cancel_unanswered()


@pytest.mark.parametrize("way", ["pages", "API"])
@pytest.mark.parametrize("number", [1, 4, 16])
def test_bot_gets_no_more_than_its_networks_may_have(number, way, make_visitor, make_api_bot):
    make_bot = make_visitor if way == "pages" else make_api_bot
    started_at = database_now()

    outcomes = attack([make_bot(network) for network in make_networks(number)])

    confirmed, unverified = count_confirmed(), list_unverified()
    taken = sum((end - start for times in unverified.values() for start, end in times), timedelta())
    print(f"\n{number} networks, {way}: {outcomes}; {confirmed.total()} confirmed, {taken / HOUR:.1f} h held beyond")
    assert outcomes[429]
    assert max(confirmed.values()) <= PER_NETWORK
    assert min(PER_NETWORK * number, AT_THE_CLINIC) / 2 < confirmed.total() <= min(PER_NETWORK * number, AT_THE_CLINIC)
    longest = settings.ONLINE_HELD_HOURS_PER_NETWORK * HOUR
    assert all(sum((end - start for start, end in times), timedelta()) <= longest for times in unverified.values())
    assert all(end <= database_now() + HOUR for times in unverified.values() for start, end in times)

    pass_hours(1 + (database_now() - started_at) / HOUR)
    assert not Slot.objects.exclude(expires_at=None).exists()
    assert Slot.objects.count() == confirmed.total()
    assert {each.status for each in Appointment.objects.all()} <= {"confirmed", "cancelled"}

    pass_hours(24)
    make_visitor(make_networks(1)[0]).book(**ALICE)
    assert Appointment.objects.get(attendee_email=ALICE["email"]).status == "confirmed"


@pytest.fixture
def read_link(clinic):
    """Run the workers; return a function that waits for a mail to Alice and returns the path of its link."""
    clinic.run_workers()

    def read_link(path):
        found = []

        def look():
            mails = [message_from_string(text, policy=policy.default) for text in clinic.mailbox.accepted]
            texts = [mail.get_body(["plain"]).get_content() for mail in mails if mail["To"] == ALICE["email"]]
            found.extend(re.findall(rf"https?://[^/]+({path}\S*)", "\n".join(texts)))
            return found

        wait_until(look)
        return found[-1]

    return read_link


def test_patient_among_bots_who_presses_the_mailed_link_is_booked(make_visitor, read_link):
    attack([make_visitor(CAFE)], limit=PER_NETWORK + 1)
    patient = make_visitor(CAFE)

    patient.book(**ALICE)

    booked = Appointment.objects.filter(attendee_email=ALICE["email"])
    assert (booked.get().status, booked.get().verification) == ("pending", "required")
    patient.post(read_link("/verify/"))
    assert (booked.get().status, booked.get().verification) == ("confirmed", "verified")
    assert booked.get().slot.expires_at is None


@pytest.mark.parametrize("web_settings", [{"ONLINE_HELD_HOURS_PER_NETWORK": "2"}])
def test_patient_where_bots_have_used_up_all_hours_books_with_a_mailed_link(make_visitor, read_link):
    attack([make_visitor(CAFE, max_solved=20)])
    patient = make_visitor(CAFE)
    with pytest.raises(Refused) as refused:
        patient.hold()
    assert "We will send you a link" in refused.value.text

    patient.post("/book/consultation/proof", email=ALICE["email"], opening=patient.find_opening())
    times, _ = patient.ask(read_link("/book/consultation/"))
    proof = re.search(r"[?&]proof=([^&]+)", times)[1]
    patient.confirm(patient.hold(proof=proof), **ALICE)

    booked = Appointment.objects.get(attendee_email=ALICE["email"])
    assert (booked.status, booked.verification) == ("confirmed", "verified")


def test_everybody_else_books_at_once_beside_a_bot(make_visitor, make_api_bot, consultation, dana, harbour, alice):
    attack([make_visitor(CAFE), make_api_bot(CAFE)])
    assert count_confirmed().total() == PER_NETWORK
    tomorrow = database_now().astimezone(LONDON).date() + timedelta(days=1)  # for which no bot books
    opening = OpeningRequest(consultation, datetime.combine(tomorrow, time(9), LONDON), dana, harbour, is_remote=False)

    make_visitor("203.0.113.9").book(**ALICE)
    of_programs = [make_api_bot(CAFE, kind="secret").book()["status"] for _ in range(PER_NETWORK + 3)]
    at_reception = book_directly(opening, patient=alice, holder=Holder("staff:1"), actor="staff:1")

    assert Appointment.objects.get(attendee_email=ALICE["email"], verification="waived").status == "confirmed"
    assert of_programs == ["confirmed"] * (PER_NETWORK + 3)
    assert (at_reception.status, at_reception.verification) == ("confirmed", "")
