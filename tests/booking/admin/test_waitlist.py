"""Staff see, order, add and remove who waits for a time, and say how each list works."""

from datetime import timedelta

import pytest

from booking.domain.waitlist import MAX_PER_ADDRESS, join, join_for_earlier
from booking.models import Event, PatientAccess, Waitlist, WaitlistEntry
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, run_action, url
from tests.ledger import nothing_changes

ENTRIES, LISTS = "booking_waitlistentry", "booking_waitlist"


@pytest.fixture
def wait(consultation, dana, day):
    """Put somebody on the list: ``wait("Carol")``."""

    def wait(name):
        email = f"{name.lower()}@example.org"
        wish = {"parts_of_day": ["morning"], "weekdays": [0, 2], "last_day": day, "clinician": dana}
        entry = WaitlistEntry(service=consultation, first_name=name, last_name="Baker", email=email, **wish)
        return join(entry, actor="patient", is_proven=True)

    return wait


def test_list_shows_who_waits_in_order_and_priority_changes_it(erin, wait, day):
    carol, dave = wait("Carol"), wait("Dave")
    [first, second] = get_rows(erin.get(url(ENTRIES)))
    assert first[:3] == ["Carol Baker", "Consultation", f"Mon, Wed, morning, until {day:%-d %b %Y}, Dana Reed"]
    assert (second[0], first[5:]) == ("Dave Baker", ["Waiting", "–"])
    form = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}
    for number, entry, priority in ((0, carol, 0), (1, dave, 5)):
        form |= {f"form-{number}-id": entry.pk, f"form-{number}-priority": priority}
        form |= {f"initial-form-{number}-priority": 0}

    erin.post(url(ENTRIES), form)

    assert [row[0] for row in get_rows(erin.get(url(ENTRIES)))] == ["Dave Baker", "Carol Baker"]
    events = Event.objects.filter(kind="waitlist.updated").values_list("subject_id", "actor", "data")
    assert list(events) == [(dave.pk, f"staff:{erin.user.pk}", {"changed": ["priority"]})]


def test_list_takes_as_many_queries_for_many(erin, wait):
    wait("Carol")
    few = count_queries(erin, url(ENTRIES))
    for name in ("Dave", "Frank", "Grace"):
        wait(name)

    assert count_queries(erin, url(ENTRIES)) == few


def test_staff_add_change_and_remove_a_wish(erin, consultation, dana, harbour, day):
    form = {"service": consultation.pk, "first_name": "Carol", "last_name": "Baker", "email": "carol@example.org"}
    form |= {"last_day": day, "weekdays": ["1"], "parts_of_day": ["evening"], "location": harbour.pk, "priority": "2"}
    form |= {"is_remote": "false"}

    response = erin.post(url(ENTRIES, "add"), form)

    assert response.status_code == 302, get_text(response)
    entry = WaitlistEntry.objects.get()
    assert (entry.status, entry.weekdays, entry.parts_of_day, entry.priority) == ("waiting", [1], ["evening"], 2)
    assert (entry.location, entry.is_remote, entry.network) == (harbour, False, "")
    page = url(ENTRIES, "change", entry.pk)
    assert "on the waiting list" in get_text(erin.get(page))
    later = day + timedelta(days=1)
    form |= {"last_day": later, "clinician": dana.pk}
    assert erin.post(page, form).status_code == 302
    entry.refresh_from_db()
    assert (entry.last_day, entry.clinician, entry.email) == (later, dana, "carol@example.org")
    response = run_action(erin, ENTRIES, "remove", entry)
    assert list_messages(response)[-1] == f"Off the list: Consultation, until {later}."
    entry.refresh_from_db()
    assert entry.status == "removed"
    with nothing_changes():
        erin.post(page, form | {"last_day": day})
        erin.post(url(ENTRIES, "remove", entry.pk))
    assert get_rows(erin.get(url(ENTRIES))) == []
    assert len(get_rows(erin.get(url(ENTRIES), {"status": "removed"}))) == 1


def test_address_on_many_lists_is_refused(erin, wait, consultation, day):
    for _time in range(MAX_PER_ADDRESS):
        wait("Carol")
    form = {"service": consultation.pk, "last_name": "Baker", "email": "Carol@example.org", "last_day": day}

    with nothing_changes():
        page = erin.post(url(ENTRIES, "add"), form | {"priority": "0", "is_remote": "unknown"})

    assert "That address is on 5 lists already" in get_text(page)


def test_wish_of_a_known_patient_is_recorded_and_hidden_when_restricted(erin, book, at, settings):
    settings.SITE_URL = "https://clinic.example"
    visit = book(at(10))
    wish = join_for_earlier(visit, actor="patient")
    erin.get(url(ENTRIES))
    erin.get(url(ENTRIES, "change", wish.pk))
    assert list(PatientAccess.objects.values_list("patient_ids", flat=True)) == [[visit.patient_id]] * 2
    type(visit.patient).objects.update(restricted_at=at(8))

    assert get_rows(erin.get(url(ENTRIES))) == []


def test_managers_close_a_list_and_say_how_long_offers_are_held(morgan, erin, consultation):
    form = {"service": consultation.pk, "answer_time": "4 h"}
    assert erin.post(url(LISTS, "add"), form).status_code == 403
    assert morgan.post(url(LISTS, "add"), form | {"is_open": "on"}).status_code == 302
    [row] = get_rows(morgan.get(url(LISTS)))
    assert (row[0], row[-1]) == ("Consultation", "0")

    morgan.post(url(LISTS, "change", consultation.pk), form)

    waitlist = Waitlist.objects.get()
    assert (waitlist.is_open, waitlist.answer_time) == (False, timedelta(hours=4))
    assert "2 days" in get_text(morgan.post(url(LISTS, "change", consultation.pk), form | {"answer_time": "3 days"}))
