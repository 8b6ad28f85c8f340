"""The waiting list: who is offered what was freed, when, how often, and how a wish ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction

from booking.domain.appointments import cancel
from booking.domain.confirmation import confirm_hold
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import find_hold, release_hold
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.retention import forget_old_wishes
from booking.domain.slot_selection import OpeningRequest
from booking.domain.waitlist import (
    MAX_PER_ADDRESS,
    MAX_PER_NETWORK,
    TooManyWishes,
    WaitlistClosed,
    WishEnded,
    change_entry,
    confirm_entry,
    end_entry,
    is_open,
    is_wished_moment,
    join,
    join_for_earlier,
)
from booking.domain.waitlist_offers import (
    MAX_IN_A_ROW,
    MAX_UNANSWERED,
    decline_offer,
    get_answer_window,
    offer_freed_times,
)
from booking.models import Event, Hold, OutboxMessage, Waitlist, WaitlistEntry, WaitlistOffer
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.clock import database_now
from scheduling.lib.encrypted_field import decrypt
from scheduling.models import Service, Slot, TimeOff, WorkingHours
from tests.conftest import LONDON, make_clinician
from tests.ledger import lapse, nothing_changes

pytestmark = pytest.mark.django_db

NAMES = ["Carol", "Dave", "Frank", "Grace", "Heidi", "Ivan"]


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://clinic.example"


@pytest.fixture
def noon(day):
    """Yesterday noon in London: what is held lives by the database's clock, and is live by this one."""
    return datetime.combine(day - timedelta(days=8), time(12), LONDON)


@pytest.fixture
def full(dana, hold_time, day):
    """Dana's day, of which no time is free but those that are freed later: ``full()`` takes it and returns a dict."""

    def take(hours=(9,)):
        TimeOff.objects.create(
            clinician=dana,
            starts_at=datetime.combine(day, time(hours[-1] + 1), LONDON),
            ends_at=datetime.combine(day, time(23), LONDON),
        )
        return {
            (hour, minute): hold_time(datetime.combine(day, time(hour, minute), LONDON), limit=None)
            for hour in hours
            for minute in (0, 30)
        }

    return take


@pytest.fixture
def wait(consultation, day):
    """Put somebody on the list for that day: ``wait("Carol")``."""

    def wait(name, *, is_proven=True, **wishes):
        entry = WaitlistEntry(
            **{"service": consultation, "first_day": day, "last_day": day, "first_name": name, "last_name": "Waits"}
            | {"email": f"{name.lower()}@example.org"}
            | wishes
        )
        return join(entry, actor="patient", is_proven=is_proven)

    return wait


def list_offers():
    """Return who was offered which London time, and how that went, in the order of the offers."""
    offers = WaitlistOffer.objects.select_related("hold", "entry").order_by("pk")
    return [
        (offer.entry.first_name, f"{offer.hold.starts_at.astimezone(LONDON):%H:%M}", offer.outcome) for offer in offers
    ]


def get_token(offer):
    return decrypt(OutboxMessage.objects.get(payload__offer=str(offer.pk)).payload["token"])


def test_freed_time_is_held_for_the_first_who_waits_and_mailed(full, wait, noon, at):
    held = full()
    carol, _dave = wait("Carol"), wait("Dave")
    assert offer_freed_times(now=noon) == 0
    release_hold(held[9, 0], actor="patient")

    assert offer_freed_times(now=noon) == 1

    assert list_offers() == [("Carol", "09:00", "open")]
    hold = Hold.objects.get(waitlist_offer__entry=carol)
    assert (hold.holder, hold.network, hold.starts_at) == (f"waitlist:{carol.pk}", "", at(9))
    assert timedelta(minutes=119) < hold.expires_at - hold.created_at <= timedelta(hours=2)
    assert hold.lifetime == timedelta(minutes=15)
    message = OutboxMessage.objects.get(kind="email.waitlist_offer")
    assert message.due_at == noon
    assert find_hold(decrypt(message.payload["token"])).pk == hold.pk
    assert offer_freed_times(now=noon) == 0


def test_time_freed_by_staff_is_offered_once_they_can_no_longer_undo_it_unseen(full, wait, noon, alice):
    visit = confirm_hold(full()[9, 0], patient=alice, actor="patient")
    wait("Carol")
    cancel(visit, reason="other", actor="staff:1", is_undoable=True)

    assert offer_freed_times(now=noon) == 0
    assert offer_freed_times(now=database_now() + timedelta(minutes=2)) == 1


def test_each_way_to_free_a_time_is_found(dana, full, wait, noon, alice, at, consultation, harbour):
    held = full((9, 10))
    visit = confirm_hold(held[9, 0], patient=alice, actor="patient")
    moved = confirm_hold(held[9, 30], patient=alice, actor="patient")
    for name in NAMES:
        wait(name)
    cancel(visit, reason="other", actor="erin")
    offer_freed_times(now=noon)
    reschedule(moved, OpeningRequest(consultation, at(9) + timedelta(days=1), dana, harbour, False), actor="erin")
    offer_freed_times(now=noon)
    lapse(held[10, 0])
    expire_stale_holds()
    offer_freed_times(now=noon)
    WorkingHours.objects.create(
        clinician=dana, location=harbour, weekday=at(9).weekday(), start_time=time(8), end_time=time(8, 30)
    )
    offer_freed_times(now=noon + timedelta(minutes=2))

    assert list_offers() == [
        ("Carol", "09:00", "open"),
        ("Dave", "09:30", "open"),
        ("Frank", "10:00", "open"),
        ("Grace", "08:00", "open"),
    ]


def test_time_that_was_free_when_they_joined_is_no_news_until_it_was_taken(full, wait, noon, hold_time, at):
    full()[9, 0].delete()
    Slot.objects.filter(hold=None).delete()
    carol = wait("Carol")
    assert [datetime.fromtimestamp(60 * start, LONDON).hour for start in carol.known_starts] == [9]
    assert offer_freed_times(now=noon) == 0

    taken = hold_time(at(9))
    offer_freed_times(now=noon + timedelta(minutes=2))
    carol.refresh_from_db()
    assert carol.known_starts == []
    release_hold(taken, actor="patient")

    assert offer_freed_times(now=noon + timedelta(minutes=2)) == 1


def test_declined_and_unanswered_offers_are_passed_on_three_times_and_then_the_time_is_free(full, wait, noon, at):
    held = full()
    entries = {name: wait(name) for name in NAMES}
    offer_freed_times(now=noon)
    release_hold(held[9, 0], actor="patient")
    offer_freed_times(now=noon)
    decline_offer(entries["Carol"])
    offer_freed_times(now=noon)
    lapse(Hold.objects.get(waitlist_offer__entry=entries["Dave"]))
    expire_stale_holds()
    offer_freed_times(now=noon)
    decline_offer(entries["Frank"])

    assert offer_freed_times(now=noon) == 0
    assert offer_freed_times(now=noon + timedelta(minutes=2)) == 0
    assert MAX_IN_A_ROW == 3
    assert list_offers() == [
        ("Carol", "09:00", "declined"),
        ("Dave", "09:00", "unanswered"),
        ("Frank", "09:00", "declined"),
    ]
    assert Slot.objects.filter(period__startswith=at(9)).count() == 0
    entries["Dave"].refresh_from_db()
    assert entries["Dave"].unanswered == 1


def test_time_that_was_taken_and_freed_again_is_offered_anew(full, wait, noon, hold_time, at):
    held = full()
    entries = {name: wait(name) for name in NAMES}
    offer_freed_times(now=noon)
    release_hold(held[9, 0], actor="patient")
    for name in NAMES[:3]:
        offer_freed_times(now=noon)
        decline_offer(entries[name])
    assert offer_freed_times(now=noon) == 0
    somebody = hold_time(at(9))
    offer_freed_times(now=noon + timedelta(minutes=2))
    release_hold(somebody, actor="patient")

    assert offer_freed_times(now=noon + timedelta(minutes=2)) == 1

    assert list_offers()[3:] == [("Grace", "09:00", "open")]


def test_booking_an_offer_ends_the_wish(full, wait, noon, alice):
    held = full()
    carol = wait("Carol")
    offer_freed_times(now=noon)
    release_hold(held[9, 0], actor="patient")
    offer_freed_times(now=noon)
    hold = find_hold(get_token(WaitlistOffer.objects.get()))
    attendee = {"name": "Carol Waits", "email": "carol@example.org", "phone": ""}
    visit = confirm_hold(hold, patient=alice, attendee=attendee, actor="patient")

    offer_freed_times(now=noon)

    carol.refresh_from_db()
    assert (carol.status, list_offers()) == ("booked", [("Carol", "09:00", "booked")])
    assert (visit.verification, visit.status) == ("verified", "confirmed")
    kinds = Event.objects.filter(subject_id=carol.pk).order_by("sequence").values_list("kind", flat=True)
    assert list(kinds) == ["waitlist.joined", "waitlist.offered", "waitlist.offer_ended", "waitlist.ended"]


def test_who_booked_by_themselves_waits_no_longer(full, wait, noon, book, at, alice):
    held = full()
    wish = wait("Alice")
    offer_freed_times(now=noon)
    book(at(9) + timedelta(days=1))
    release_hold(held[9, 0], actor="patient")

    assert offer_freed_times(now=noon) == 0

    wish.refresh_from_db()
    assert wish.status == "booked"


def test_one_address_has_one_offer_at_a_time(full, wait, noon):
    held = full()
    wait("Carol")
    wait("Dave", email="Carol+two@Example.org")
    offer_freed_times(now=noon)
    for hold in held.values():
        release_hold(hold, actor="patient")

    offer_freed_times(now=noon)

    assert list_offers() == [("Carol", "09:00", "open")]
    other = Hold.objects.exclude(waitlist_offer__isnull=False).first()
    entry = WaitlistEntry.objects.get(first_name="Dave")
    with pytest.raises(IntegrityError, match=WaitlistOffer.ONE_OFFER_AT_ONCE), transaction.atomic():
        WaitlistOffer.objects.create(entry=entry, hold=other, email_id=entry.email_id)


def test_order_is_priority_then_how_long_they_wait(full, wait, noon):
    held = full()
    wait("Carol")
    change_entry(wait("Dave"), priority=1, actor="staff:1")
    offer_freed_times(now=noon)
    for hold in held.values():
        release_hold(hold, actor="patient")

    offer_freed_times(now=noon)

    assert list_offers() == [("Dave", "09:00", "open"), ("Carol", "09:30", "open")]


def test_only_what_is_wished_for_is_offered(full, wait, noon, dana, harbour, consultation, day):
    held = full()
    erin = make_clinician("Erin Stone", location=harbour, services=[consultation], hours=())
    wait("Carol", clinician=erin)
    wait("Dave", parts_of_day=["afternoon"])
    wait("Frank", weekdays=[(day.weekday() + 1) % 7])
    wait("Grace", first_day=None, last_day=day - timedelta(days=1))
    wait("Heidi", is_remote=True)
    wait("Ivan", clinician=dana, location=harbour, is_remote=False, parts_of_day=["morning"], weekdays=[day.weekday()])
    wait("Judy", is_proven=False)
    offer_freed_times(now=noon)
    for hold in held.values():
        release_hold(hold, actor="patient")

    offer_freed_times(now=noon)

    assert list_offers() == [("Ivan", "09:00", "open")]


def test_wished_moment_is_by_local_days_and_parts_of_the_day():
    monday = datetime(2026, 11, 30, 9, tzinfo=LONDON)
    every = WaitlistEntry(last_day=date(2026, 12, 31))
    assert is_wished_moment(every, monday)
    assert not is_wished_moment(every, monday.replace(year=2027))
    for wishes, hours in (
        ({"weekdays": [0]}, {9, 12, 17}),
        ({"weekdays": [1, 6]}, set()),
        ({"parts_of_day": ["morning"]}, {9}),
        ({"parts_of_day": ["afternoon", "evening"]}, {12, 17}),
        ({"first_day": date(2026, 12, 1)}, set()),
        ({"last_day": date(2026, 11, 30)}, {9, 12, 17}),
        ({"last_day": date(2026, 11, 29)}, set()),
    ):
        entry = WaitlistEntry(**{"last_day": date(2026, 12, 31)} | wishes)
        assert {hour for hour in (9, 12, 17) if is_wished_moment(entry, monday.replace(hour=hour))} == hours, wishes


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "zone, now, latest, expected",
    [
        (LONDON, "2026-11-30 10:00", "2026-12-02 09:00", ("2026-11-30 10:00", "2026-11-30 12:00")),
        (LONDON, "2026-11-30 08:00", "2026-12-02 09:00", ("2026-11-30 08:00", "2026-11-30 10:00")),
        (LONDON, "2026-11-30 07:59", "2026-12-02 09:00", ("2026-11-30 08:00", "2026-11-30 10:00")),
        (LONDON, "2026-11-30 19:59", "2026-12-02 09:00", ("2026-11-30 19:59", "2026-11-30 21:59")),
        (LONDON, "2026-11-30 20:00", "2026-12-02 09:00", ("2026-12-01 08:00", "2026-12-01 10:00")),
        (LONDON, "2026-11-30 10:00", "2026-11-30 10:30", ("2026-11-30 10:00", "2026-11-30 10:30")),
        (LONDON, "2026-11-30 10:00", "2026-11-30 10:14", None),
        (LONDON, "2026-11-30 22:00", "2026-12-01 08:00", None),
        (NEW_YORK, "2026-11-30 10:00", "2026-12-02 09:00", ("2026-11-30 13:00", "2026-11-30 15:00")),
        (NEW_YORK, "2026-12-01 00:59", "2026-12-02 09:00", ("2026-12-01 00:59", "2026-12-01 02:59")),
        (NEW_YORK, "2026-12-01 01:00", "2026-12-02 09:00", ("2026-12-01 13:00", "2026-12-01 15:00")),
    ],
)
def test_answer_window_is_by_day_at_the_place_and_ends_with_the_notice(zone, now, latest, expected):
    now, latest = (datetime.fromisoformat(text).replace(tzinfo=LONDON) for text in (now, latest))

    window = get_answer_window(now, zone, answer_time=timedelta(hours=2), latest=latest)

    assert (window and tuple(f"{at.astimezone(LONDON):%Y-%m-%d %H:%M}" for at in window)) == expected


def test_offer_is_held_for_as_long_as_the_clinic_says_but_not_beyond_the_notice(
    dana, wait, harbour, consultation, hold_time, day
):
    now = database_now()
    harbour.timezone = f"Etc/GMT{now.hour - 12:+}"  # it is noon there, more or less
    harbour.save()
    free = open_times(OpeningFilters(consultation), start_at=day, end_at=day, now=now)
    held = [hold_time(opening.starts_at) for opening in free[:2]]
    Waitlist.objects.create(service=consultation, answer_time=timedelta(hours=6))
    for name in ("Carol", "Dave"):
        wait(name, first_day=None, last_day=day + timedelta(days=2))
    consultation.notice = held[0].starts_at - now - timedelta(hours=1)
    consultation.save()
    for hold in held:
        release_hold(hold, actor="patient")

    assert offer_freed_times() == 2

    first, second = Hold.objects.filter(waitlist_offer__isnull=False).order_by("starts_at")
    assert abs(first.expires_at - (now + timedelta(hours=1))) < timedelta(seconds=5)
    assert abs(second.expires_at - (now + timedelta(minutes=90))) < timedelta(seconds=5)
    assert second.is_too_early_to_extend(now)  # it would last no longer
    assert not second.is_too_early_to_extend(now + timedelta(minutes=80))


def test_time_freed_at_night_is_held_until_the_morning_mail_and_its_answer(full, wait, noon):
    held = full()
    wait("Carol")
    offer_freed_times(now=noon)
    release_hold(held[9, 0], actor="patient")

    offer_freed_times(now=noon.replace(hour=23))

    hold, morning = Hold.objects.get(waitlist_offer__isnull=False), noon.replace(hour=8) + timedelta(days=1)
    assert OutboxMessage.objects.get(kind="email.waitlist_offer").due_at == morning
    assert timedelta(hours=10.9) < hold.expires_at - hold.created_at <= timedelta(hours=11)


def test_who_leaves_offers_unanswered_waits_no_longer(full, wait, noon):
    held = full((9, 10))
    carol = wait("Carol")
    offer_freed_times(now=noon)
    for hold in list(held.values())[:MAX_UNANSWERED]:
        release_hold(hold, actor="patient")
        offer_freed_times(now=noon)
        lapse(Hold.objects.get(waitlist_offer__entry=carol, waitlist_offer__outcome="open"))
        expire_stale_holds()
    offer_freed_times(now=noon)

    carol.refresh_from_db()
    assert (carol.status, carol.unanswered) == ("unanswered", 3)


def test_leaving_releases_what_is_held_for_the_next(full, wait, noon):
    held = full()
    carol, _dave = wait("Carol"), wait("Dave")
    offer_freed_times(now=noon)
    release_hold(held[9, 0], actor="patient")
    offer_freed_times(now=noon)
    end_entry(carol, "left", actor="patient")

    offer_freed_times(now=noon)

    assert list_offers() == [("Carol", "09:00", "declined"), ("Dave", "09:00", "open")]
    with nothing_changes():
        end_entry(carol, "removed", actor="staff:1")
        with pytest.raises(WishEnded):
            change_entry(carol, priority=5, actor="staff:1")
        with pytest.raises(WishEnded):
            confirm_entry(carol)


def test_unconfirmed_wish_counts_once_its_link_is_pressed(full, wait, noon):
    held = full()
    carol = wait("Carol", is_proven=False)
    assert OutboxMessage.objects.get(kind="email.waitlist_confirm").payload == {"entry": str(carol.pk)}
    release_hold(held[9, 0], actor="patient")
    assert offer_freed_times(now=noon) == 0

    confirm_entry(carol)
    confirm_entry(carol)

    assert (carol.status, offer_freed_times(now=noon)) == ("waiting", 1)
    events = Event.objects.filter(subject_id=carol.pk, kind="waitlist.confirmed")
    assert events.count() == 1


def test_wishes_of_one_address_and_one_network_are_limited(wait, consultation):
    for _time in range(MAX_PER_ADDRESS):
        assert wait("Carol", network="n", is_proven=False)
    with nothing_changes():
        assert wait("Carol", network="n", is_proven=False) is None
    for name in NAMES[1:]:
        wait(name, network="n", is_proven=False)
    assert WaitlistEntry.objects.filter(network="n").count() == MAX_PER_NETWORK == 10
    with nothing_changes(), pytest.raises(TooManyWishes) as refused:
        wait("Judy", network="n", is_proven=False)
    assert 0 < refused.value.retry_after <= 86_401
    Waitlist.objects.update(is_open=False)
    with nothing_changes(), pytest.raises(WaitlistClosed):
        wait("Judy", network="other", is_proven=False)
    assert wait("Judy")  # staff may


def test_nothing_is_held_where_nobody_could_be_sent_a_link(full, wait, noon, settings, consultation):
    held = full()
    wait("Carol")
    release_hold(held[9, 0], actor="patient")
    settings.SITE_URL = ""

    assert not is_open(consultation)
    with nothing_changes():
        assert offer_freed_times(now=noon) == 0


@pytest.fixture
def visit(book, at):
    """Alice's visit at ten."""
    return book(at(10))


def test_earlier_time_is_offered_and_moves_the_visit(full, hold_time, noon, visit, at):
    held = {hour: hold_time(at(hour)) for hour in (9, 11)}
    wish = join_for_earlier(visit, actor="patient")
    assert join_for_earlier(visit, actor="patient") == wish
    assert (wish.status, wish.last_day, wish.email) == ("waiting", at(10).date(), "alice@example.org")
    release_hold(held[11], actor="patient")
    assert offer_freed_times(now=noon) == 0
    release_hold(held[9], actor="patient")
    assert offer_freed_times(now=noon) == 1
    offer = WaitlistOffer.objects.get()
    assert (offer.hold.starts_at, offer.hold.holder) == (at(9), f"appointment:{visit.pk}")
    visit.refresh_from_db()
    assert visit.starts_at == at(10)

    reschedule_to_hold(visit, find_hold(get_token(offer)), actor="patient", enforce_cutoff=True)
    offer_freed_times(now=noon)

    wish.refresh_from_db()
    assert (visit.starts_at, wish.status) == (at(9), "booked")


def test_offer_goes_by_text_too_where_that_number_may_be_texted(full, hold_time, noon, visit, at, wait, settings):
    settings.SMS_BACKEND = "console"
    held = {hour: hold_time(at(hour)) for hour in (9, 11)}
    join_for_earlier(visit, actor="patient")
    wait("Carol", phone="+447700900123")  # of whom nobody knows whether it is theirs
    for hold in held.values():
        release_hold(hold, actor="patient")

    assert offer_freed_times(now=noon.replace(hour=22)) == 2

    message = OutboxMessage.objects.get(kind="sms.text")
    assert decrypt(message.payload["number"]) == visit.attendee_phone
    assert message.due_at == noon.replace(hour=8) + timedelta(days=1)
    body = decrypt(message.payload["body"])
    assert body.startswith(
        f"Harbour Clinic: {at(9):%a} {at(9).day} {at(9):%b}, 09:00 is free. We hold it for you until"
    )
    assert find_hold(body.rstrip("/").rpartition("/")[2]).starts_at == at(9)


def test_earlier_wish_of_unproven_booking_needs_its_link(book, at):
    visit = book(at(10), network="n")
    assert visit.verification == "waived"

    assert join_for_earlier(visit, actor="patient").status == "unconfirmed"


def test_earlier_wish_ends_with_its_visit(visit, noon):
    wish = join_for_earlier(visit, actor="patient")
    cancel(visit, reason="other", actor="patient")

    offer_freed_times(now=noon)

    wish.refresh_from_db()
    assert wish.status == "expired"
    with nothing_changes(), pytest.raises(WaitlistClosed):
        join_for_earlier(visit, actor="patient")


def test_wish_ends_after_its_last_day_everywhere_and_is_deleted_a_day_later(wait, day, settings):
    carol, erased = wait("Carol"), wait("Dave", is_proven=False)
    over = datetime.combine(day + timedelta(days=1), time(11), ZoneInfo("UTC"))
    offer_freed_times(now=over)
    carol.refresh_from_db()
    assert carol.status == "waiting"

    offer_freed_times(now=over + timedelta(hours=2))
    carol.refresh_from_db()
    assert carol.status == "expired"
    assert forget_old_wishes() == 0
    WaitlistEntry.objects.update(updated_at=carol.updated_at - timedelta(hours=25))
    WaitlistEntry.objects.filter(pk=erased.pk).update(
        status="unconfirmed", created_at=erased.created_at - timedelta(hours=25)
    )

    assert (forget_old_wishes(), WaitlistEntry.objects.count()) == (2, 0)


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_offer_one_person_one_time_and_one_time_to_one_person(
    full, wait, noon, dana, harbour, consultation
):
    held = full((9, 10))
    follow_up = Service.objects.create(
        name="Follow-up", slug="follow-up", duration=timedelta(minutes=30), step=timedelta(minutes=30)
    )
    dana.services.add(follow_up)
    for name in NAMES[:2]:  # each waits on both lists, which two workers search at once for the same times
        wait(name)
        wait(name, service=follow_up)
    offer_freed_times(now=noon)
    for hold in held.values():
        release_hold(hold, actor="patient")

    def work(_number):
        try:
            return offer_freed_times(now=noon)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = sum(pool.map(work, range(4)))

    offers = WaitlistOffer.objects.filter(outcome="open").select_related("hold")
    assert made == offers.count() <= 2
    assert len({offer.email_id for offer in offers}) == len({offer.hold.starts_at for offer in offers}) == made
    assert Slot.objects.count() == made
    offer_freed_times(now=noon + timedelta(minutes=2))
    assert sorted(who for who, _when, outcome in list_offers() if outcome == "open") == ["Carol", "Dave"]
