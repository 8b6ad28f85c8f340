"""Been here before: the code by e-mail, what it proves, who may be chosen, and what a stranger learns: nothing."""

import re
from datetime import date, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.access.email_addresses import get_email_id
from booking.access.patient_links import appointment_token
from booking.access.phone_numbers import is_confirmed
from booking.access.tokens import hash_token
from booking.domain.contact_codes import (
    CodeNotFound,
    Contact,
    WrongCode,
    ask_for_code,
    forget_codes,
    make_code,
    prove_contact,
)
from booking.domain.erasure import restrict_patient
from booking.domain.holds import note_verified_email
from booking.models import Appointment, ContactCode, Hold, TextMessage
from patients.models import Patient
from patients.records import archive_patient
from scheduling.lib.clock import database_now
from scheduling.models import Service
from tests.booking.widget.conftest import TYPED, Page
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://booking.clinic.example"


@pytest.fixture
def family(db):
    """Paula, for whose son and daughter she is written to, and Peter, who reads the same mailbox."""

    def register(first_name, born, **changes):
        return Patient.objects.create(
            first_name=first_name, last_name="Parker", date_of_birth=born, email="paula@example.org", **changes
        )

    theirs = {"contact_name": "Paula Parker", "relation": "child"}
    return {
        "paula": register("Paula", "1985-04-12", phone="+442079460123"),
        "tim": register("Tim", "2019-05-02", **theirs),
        "tess": register("Tess", "2021-08-30", **theirs),
        "peter": register("Peter", "1984-01-20"),
    }


@pytest.fixture
def ask(client):
    """Ask for a code: ``ask(born=date(…), hold=…)``; the response leads to the page that takes it."""

    def ask(email="paula@example.org", born=date(1985, 4, 12), **kept):
        day, month, year = born.day, born.month, born.year
        parts = {"date_of_birth_day": day, "date_of_birth_month": month, "date_of_birth_year": year}
        return client.post("/returning/", {"email": email, **parts, **kept})

    return ask


@pytest.fixture
def prove(client, ask, family):
    """Ask for a code, read the mail, type the code; return where that leads."""

    def prove(**asked):
        page = ask(**asked)["Location"]
        mail.outbox.clear()
        run_what_is_due()
        [message] = [each for each in mail.outbox if each.subject.startswith("Your code")]
        path, _, _ = page.partition("?")
        kept = Page(client.get(page)).inputs
        return client.post(path, {**kept, "code": re.search(r"^\d{6}$", message.body, re.M)[0]})["Location"]

    return prove


def get_me(location):
    return re.search(r"me=([\w-]+)", location)[1]


def test_code_by_mail_proves_the_mailbox_and_lists_the_visits_to_come(client, prove, family, book, at):
    visit = book(at(9), patient=family["tim"])
    book(at(10), patient=family["peter"])

    location = prove()

    response = client.get(location)
    page = Page(response)
    assert location.startswith("/me/?me=")
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert f"/appointment/{appointment_token(visit)}/" in page.links
    assert "Tim Parker" in page.text and "Peter" not in page.text
    assert sum("/appointment/" in link for link in page.links) == 1
    assert f"/?me={get_me(location)}" in page.links


def test_mail_has_the_code_and_names_nobody(ask, family):
    ask(email="Paula@Example.org")
    run_what_is_due()

    [message] = mail.outbox
    code = make_code(ContactCode.objects.get())
    assert message.to == ["paula@example.org"]
    assert message.subject == "Your code for Harbour Clinic"
    assert message.body.startswith(f"Hello,\n\nHere is the code that you asked for:\n\n{code}\n\nIt works for 10 min")
    assert code in message.alternatives[0].content and "Paula" not in message.body + message.alternatives[0].content
    with connection.cursor() as cursor:
        cursor.execute("SELECT code::text, message::text FROM booking_contactcode code, booking_outboxmessage message")
        stored = str(cursor.fetchall())
    assert code not in stored
    assert "paula" not in stored


def test_known_and_unknown_contacts_get_the_same_pages_from_the_same_statements(client, ask, family):
    archive_patient(family["tess"].pk)
    restrict_patient(family["peter"].pk, reason="Kept by law.", actor="staff:7")
    asked = [
        {"born": date(1985, 4, 12)},  # Paula
        {"born": date(1985, 4, 13)},  # nobody
        {"born": date(2021, 8, 30)},  # in the archive
        {"born": date(1984, 1, 20)},  # restricted
        {"email": "nobody@example.org"},
    ]
    client.get("/returning/")  # what is cached is read once
    seen = []
    for each in asked:
        with CaptureQueriesContext(connection) as first:
            response = ask(**each)
        run_what_is_due()
        page = response["Location"]
        with CaptureQueriesContext(connection) as then:
            shown, tried = client.get(page), client.post(page, {"code": get_wrong_code(page)})
        email = each.get("email", "paula@example.org")
        texts = [normalize(answer, page, email) for answer in (response, shown, tried)]
        statements = [strip_values(query["sql"]) for query in (*first.captured_queries, *then.captured_queries)]
        seen.append(([answer.status_code for answer in (response, shown, tried)], texts, statements))

    assert seen[0][0] == [303, 200, 422]
    for each in seen[1:]:
        assert each == seen[0]
    assert [message.to for message in mail.outbox] == [["paula@example.org"]]


def get_row(page):
    return ContactCode.objects.get(token_hash=hash_token(page.split("/")[2]))


def get_wrong_code(page):
    return f"{(int(make_code(get_row(page))) + 1) % 1_000_000:06}"


def normalize(response, page, email):
    text = re.sub(r'nonce="[^"]*"|value="\d{6}"', "", response.content.decode())
    return text.replace(page, "PAGE").replace(email, "EMAIL")


def strip_values(sql):
    return re.sub(r"'(?:[^']|'')*'|\b\d+\b|\bs\d+_x\d+\b", "?", sql)


def test_five_wrong_tries_end_a_code_that_is_right_then(client, ask, family):
    page = ask()["Location"]
    run_what_is_due()

    answers = [client.post(page, {"code": get_wrong_code(page)}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [422] * 4 + [410]
    assert "You have 4 more tries." in Page(answers[0]).text and "You have 1 more try." in Page(answers[3]).text
    assert client.post(page, {"code": make_code(get_row(page))}).status_code == 410
    assert (get_row(page).tries, get_row(page).proved_at) == (5, None)


def test_five_codes_a_day_bound_the_guesses_at_a_contact(client, ask, family):
    other_spelling = ["paula@example.org", "Paula+clinic@example.org", "paula+b@example.org"]
    answers = [ask(email=other_spelling[number % 3], born=date(1985, 4, 1 + number)) for number in range(6)]

    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert 86_000 < int(answers[5]["Retry-After"]) <= 86_401
    assert "Too many codes were requested today. You can book without one." in Page(answers[5]).text
    assert ContactCode.objects.count() == 5
    ContactCode.objects.update(created_at=database_now() - timedelta(days=1))
    assert ask().status_code == 303


@pytest.mark.parametrize("limit", ["MAX_CODES_PER_NETWORK", "MAX_CODES"])
def test_codes_of_a_network_and_of_all_are_bounded(client, ask, db, monkeypatch, limit):
    monkeypatch.setattr(f"booking.domain.contact_codes.{limit}", 2)

    answers = []
    for number, name in enumerate(("ann", "ben", "cy")):  # one customer may have all networks of a /48
        client.defaults["REMOTE_ADDR"] = f"2001:db8:7:{number}::1"
        answers.append(ask(email=f"{name}@example.org"))
    client.defaults["REMOTE_ADDR"] = "192.0.2.77"

    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert ask(email="dee@example.org").status_code == (303 if limit == "MAX_CODES_PER_NETWORK" else 429)


def test_wrong_tries_of_all_together_are_bounded(client, ask, family, monkeypatch):
    monkeypatch.setattr("booking.domain.contact_codes.MAX_WRONG_TRIES", 3)
    nobodys = ask(email="nobody@example.org")["Location"]
    first, second, third = (ask()["Location"] for _ in range(3))
    run_what_is_due()
    for _ in range(4):  # no code was sent that could be guessed
        assert client.post(nobodys, {"code": get_wrong_code(nobodys)}).status_code == 422
    for _ in range(3):
        assert client.post(first, {"code": get_wrong_code(first)}).status_code == 422
    ContactCode.objects.filter(pk=get_row(first).pk).update(tries=2)
    assert client.post(third, {"code": make_code(get_row(third))}).status_code == 303
    ContactCode.objects.filter(pk=get_row(first).pk).update(tries=3)

    assert client.post(second, {"code": make_code(get_row(second))}).status_code == 410
    assert get_row(second).proved_at is None


@pytest.mark.parametrize(("minutes", "status"), [(9, 303), (10, 410)])
def test_code_is_good_for_ten_minutes(client, ask, family, monkeypatch, minutes, status):
    page = ask()["Location"]
    run_what_is_due()
    later = database_now() + timedelta(minutes=minutes)
    monkeypatch.setattr("booking.domain.contact_codes.database_now", lambda: later)

    assert client.post(page, {"code": make_code(get_row(page))}).status_code == status


@pytest.mark.parametrize(("minutes", "leads_to"), [(29, None), (30, "/returning/")])
def test_proof_ends_after_half_an_hour(client, prove, monkeypatch, minutes, leads_to):
    address = prove()
    later = database_now() + timedelta(minutes=minutes)
    monkeypatch.setattr("booking.domain.contact_codes.database_now", lambda: later)

    assert client.get(address).get("Location") == leads_to


def test_code_is_good_once(client, ask, family):
    page = ask()["Location"]
    run_what_is_due()
    right = {"code": make_code(get_row(page))}

    assert [client.post(page, right).status_code for _ in range(2)] == [303, 410]


def test_code_is_typed_with_blanks_and_without_six_digits_is_no_try(client, ask, family):
    page = ask()["Location"]
    run_what_is_due()
    code = make_code(get_row(page))

    for typed in ("", "12345", "abcdef", "1" * 30):
        assert client.post(page, {"code": typed}).status_code == 422
    assert get_row(page).tries == 0
    assert client.post(page, {"code": f" {code[:3]} {code[3:]} "}).status_code == 303


def test_code_that_was_never_sent_proves_nothing(client, ask, family):
    page = ask(email="nobody@example.org")["Location"]
    run_what_is_due()

    assert client.post(page, {"code": make_code(get_row(page))}).status_code == 422
    assert get_row(page).proved_at is None


def test_old_codes_are_forgotten_and_what_was_typed_before_that(ask, family):
    ask()
    ContactCode.objects.update(expires_at=database_now())
    forget_codes()
    assert ContactCode.objects.get().details == ""

    ContactCode.objects.update(created_at=database_now() - timedelta(days=1))
    forget_codes()
    assert not ContactCode.objects.exists()


# Booking with it


@pytest.fixture
def confirm(client, prove, held, typed):
    """Prove the mailbox for a hold, then book it: ``confirm(who=tim.pk)``."""

    def confirm(born=date(1985, 4, 12), **changes):
        Hold.objects.update(network="n")  # a visitor's
        location = prove(born=born, hold=held.token)
        return client.post(f"/hold/{held.token}/confirm", typed | {"me": get_me(location)} | changes)

    return confirm


def test_proof_leads_back_to_the_hold_with_details_filled_in(client, prove, family, held):
    Hold.objects.update(network="n")  # a visitor's

    location = prove(hold=held.token)

    page = Page(client.get(location))
    assert location.startswith(f"/hold/{held.token}/?me=")
    assert (page.inputs["email"], page.inputs["phone"]) == ("paula@example.org", "+44 20 7946 0123")
    assert "Paula Parker Tim Parker Tess Parker Somebody else" in page.text and "Peter" not in page.text
    assert Hold.objects.get().verified_email == get_email_id("paula@example.org")
    assert page.inputs["me"] == get_me(location)


def test_known_child_is_booked_on_its_record_and_verified(client, confirm, family):
    response = confirm(who=str(family["tim"].pk), email="paula@example.org", first_name="", date_of_birth_day="")

    visit = Appointment.objects.get()
    assert response["Location"].endswith("/done") and "me=" not in response["Location"]
    assert visit.patient == family["tim"]
    assert (visit.attendee_name, visit.contact_name, visit.relation) == ("Tim Parker", "Paula Parker", "child")
    assert (visit.status, visit.verification) == ("confirmed", "verified")
    assert Patient.objects.count() == 4
    run_what_is_due()
    message = mail.outbox[-1]
    assert message.body.startswith("Dear Paula Parker,") and "For Tim Parker" in message.body
    assert "me=" not in message.body


def test_proof_of_one_address_books_for_no_other_without_a_link(confirm, family):
    assert confirm(email="mallory@example.org").status_code == 303

    assert list(Appointment.objects.values_list("status", "verification")) == [("pending", "required")]


def test_proof_is_gone_with_done(client, confirm, family):
    confirm(who=str(family["paula"].pk))

    row = ContactCode.objects.get()
    assert row.details == "" and row.expires_at <= database_now()


def test_check_page_of_a_known_person_tells_no_birth_date(client, prove, family, held, typed):
    me = get_me(prove(hold=held.token))
    nothing = dict.fromkeys(["first_name", "last_name", "date_of_birth_day", "date_of_birth_month"], "")

    page = Page(client.post(f"/hold/{held.token}/check", typed | nothing | {"me": me, "who": str(family["tim"].pk)}))

    assert "Tim Parker" in page.text and "We write to Paula Parker" in page.text
    assert "2019" not in page.text


def test_person_of_another_mailbox_or_of_another_birth_date_cannot_be_chosen(client, confirm, family):
    response = confirm(who=str(family["peter"].pk))

    assert response.status_code == 422
    assert "Please choose again who it is for." in Page(response).text
    assert not Appointment.objects.exists()


def test_without_proof_nobody_known_can_be_chosen(client, held, typed, family):
    response = client.post(f"/hold/{held.token}/confirm", typed | {"who": str(family["tim"].pk), "me": "forged"})

    assert response.status_code == 422
    assert not Appointment.objects.exists()


def test_proof_goes_along_from_service_to_hold(client, prove, family, opening, at, dana, settings):
    settings.ONLINE_BOOKINGS_PER_NETWORK = 0  # others wait for a link
    me = get_me(prove())
    assert f"/book/consultation/?me={me}" in Page(client.get("/", {"me": me})).links
    assert Page(client.get("/book/consultation/", {"me": me})).inputs["me"] == me

    held = client.post("/book/consultation/hold", {"opening": opening(at(9)), "me": me})["Location"]

    assert held.endswith(f"?me={me}")
    assert Hold.objects.get().verified_email == get_email_id("paula@example.org")


def test_family_books_as_many_visits_as_it_has_people_once_the_mailbox_is_proven(
    client, prove, family, hold_time, typed, at, settings
):
    settings.ONLINE_VISITS_PER_PERSON = 1
    statuses = []
    for hour, who in ((9, "paula"), (10, "tim"), (11, "tess")):
        held = hold_time(at(hour), network="n")
        me = get_me(prove(hold=held.token))
        client.post(f"/hold/{held.token}/confirm", typed | {"me": me, "who": str(family[who].pk), **PAULAS})
        statuses.append(Appointment.objects.get(pk=held.pk).verification)

    assert statuses == ["verified"] * 3


PAULAS = {"email": "paula@example.org", "phone": "020 7946 0123"}


# New patients only


@pytest.fixture
def new_only(consultation):
    Service.objects.update(new_patients_only_text="Only for those who are new here.")


def test_service_for_new_people_asks_before_the_hold(client, new_only, opening, at, dana):
    fields = {"opening": opening(at(9)), "where": ""}
    asked = Page(client.post("/book/consultation/hold", fields))
    assert "Have you been here before? Consultation Only for those who are new here." in asked.text
    assert not Hold.objects.exists()
    assert "Have you been here before?" in Page(client.get("/book/consultation/")).text
    assert "Choose a time" in Page(client.get("/book/consultation/", {"new": "1"})).text

    assert client.post("/book/consultation/hold", asked.inputs | {"new": "1"}).status_code == 303
    assert Hold.objects.get().starts_at == at(9)


def test_who_has_been_here_is_shown_what_to_book_instead(client, new_only, dana):
    Service.objects.create(name="Check-up", slug="check-up", duration=timedelta(minutes=30))

    page = Page(client.get("/book/consultation/", {"new": "0"}))

    assert "What you can book instead Consultation is for people who have not been here before. Check-up" in page.text
    assert "/book/check-up/" in page.links


def test_who_has_proved_a_contact_is_looked_up_at_the_hold(client, new_only, prove, family, opening, at, dana):
    me = get_me(prove())
    fields = {"opening": opening(at(9)), "me": me}

    with nothing_changes():
        refused = client.post("/book/consultation/hold", fields | {"new": "1"})
    assert "What you can book instead" in Page(refused).text

    held = client.post("/book/consultation/hold", fields | {"new": "other"})["Location"]
    with nothing_changes():
        known = client.post(f"{held.partition('?')[0]}confirm", TYPED | {"me": me, "who": str(family["tim"].pk)})
    assert known.status_code == 422
    assert "This is only for people who are new here" in Page(known).text


@pytest.mark.parametrize(
    ("changes", "is_known"),
    [({}, True), ({"email": "other@example.org"}, True), ({"date_of_birth_day": "13"}, False)],
)
def test_who_says_new_is_booked_and_staff_see_that_they_are_known(
    client, new_only, hold_time, at, typed, alice, changes, is_known, erin
):
    alice.save()
    held = hold_time(at(9), network="n")

    assert client.post(f"/hold/{held.token}/confirm", typed | changes).status_code == 303

    visit = Appointment.objects.get()
    assert visit.said_new_is_known == is_known
    page = erin.get(reverse("admin:booking_appointment_change", args=[visit.pk])).text
    assert ("said new, is known" in page) == is_known


def test_who_says_new_twice_before_the_first_visit_is_not_known(client, new_only, hold_time, at, typed):
    for hour in (9, 10):
        client.post(f"/hold/{hold_time(at(hour), network='n').token}/confirm", typed)

    assert list(Appointment.objects.values_list("said_new_is_known", flat=True)) == [False, False]


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_are_counted_exactly(elsewhere):
    """Of sixteen tries at the same moment five are looked at."""
    token = ask_for_code(Contact(date(1985, 4, 12), email="paula@example.org"), network="n")

    def try_once(number):
        try:
            prove_contact(token, f"{number:06}")
        except WrongCode:
            return True
        except CodeNotFound:
            return False

    looked_at = [each.result(60) for each in [elsewhere(try_once, number) for number in range(16)]]

    assert sum(looked_at) == 5 == ContactCode.objects.get().tries


def test_hold_beyond_the_third_of_a_mailbox_is_not_verified_later(db, hold_time, at, family):
    holds = [hold_time(at(hour), holder=f"{hour}", network="n") for hour in (9, 10, 11, 13)]

    for hold in holds:
        note_verified_email(hold, get_email_id("paula@example.org"))

    verified = [Hold.objects.get(pk=hold.pk).verified_email != "" for hold in holds]
    assert verified == [True, True, True, False]


def test_code_goes_to_a_mobile_number_where_texts_are_sent(client, family, settings):
    settings.SMS_BACKEND, settings.SMS_COUNTRIES = "console", ["GB"]
    Patient.objects.filter(pk=family["paula"].pk).update(phone="+447400123456")
    born = {"date_of_birth_day": "12", "date_of_birth_month": "4", "date_of_birth_year": "1985"}

    page = client.post("/returning/", {"email": "07400 123456", **born})["Location"]
    assert "+447400123456" in Page(client.get(page)).text
    run_what_is_due()

    assert TextMessage.objects.get().purpose == "code"
    location = client.post(page, {"code": make_code(get_row(page))})["Location"]
    assert location.startswith("/me/?me=")
    assert is_confirmed("+447400123456")


def test_number_is_no_contact_where_no_texts_are_sent(ask, db):
    assert ask(email="07400 123456").status_code == 422
    assert not ContactCode.objects.exists()
