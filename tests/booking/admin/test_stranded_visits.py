"""Staff say who is ill, see the stranded visits, and settle them after they have seen each message."""

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse

from booking.domain.stranded_visits import Stranding, find_open, mark
from booking.models import Appointment, Hold, PatientAccess, StrandedPlan, StrandedVisit
from scheduling.models import TimeOff
from tests.booking.admin.pages import count_queries, get_text, list_messages
from tests.conftest import make_clinician
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

LIST = "/admin/stranded-visits/"
ILL = f"{LIST}ill/"


@pytest.fixture
def visit(book, at, settings):
    """Alice's visit to Dana at nine, which is stranded; she reads German."""
    settings.SITE_URL = "https://booking.clinic.example"
    appointment = book(at(9))
    Appointment.objects.update(language="de")
    mark([Stranding(appointment, "away")], actor="staff:7")
    return find_open().get()


def plan(browser, action, *visits):
    """Tick visits, press the button, and return the page that leads to and the plan."""
    response = browser.post(f"{LIST}plans/", {"action": action, "visit": [str(visit.pk) for visit in visits]})
    return browser.get(response["Location"]), StrandedPlan.objects.latest("created_at")


def test_ill_clinician_is_away_at_once_and_her_visits_are_listed(erin, dana, book, at, day):
    first, _later = book(at(9)), book(at(9) + timedelta(days=2))

    response = erin.post(ILL, {"clinician": str(dana.pk), "first_day": str(day), "last_day": str(day)})

    away = TimeOff.objects.get()
    assert (away.clinician, away.starts_at, away.ends_at - away.starts_at) == (
        dana,
        at(0),
        at(23) - at(0) + (at(1) - at(0)),
    )
    assert response["Location"] == f"{LIST}?clinician={dana.pk}"
    assert "1 visit is to be settled" in list_messages(response)[0]
    page = erin.get(response["Location"])
    assert first.reference in page.content.decode()
    assert [visit.appointment for visit in StrandedVisit.objects.all()] == [first]
    assert "1 stranded" in get_text(erin.get("/admin/password_change/"))
    assert PatientAccess.objects.filter(page="admin:stranded_visits", patient_ids=[first.patient_id]).exists()
    assert mail.outbox == []


def test_ill_form_with_last_day_before_first_changes_nothing(erin, dana, day):
    with nothing_changes():
        response = erin.post(ILL, {"clinician": str(dana.pk), "first_day": str(day), "last_day": "2020-01-01"})

    assert (response.status_code, "The last day is before the first." in get_text(response)) == (422, True)


def test_offer_is_previewed_in_patients_language_then_sent(erin, visit, harbour, consultation):
    make_clinician("Finn Moss", location=harbour, services=[consultation])

    with nothing_changes():
        page, made = plan(erin, "offer", visit)
    text = get_text(page)
    assert "E-mail to alice@example.org , German" in text
    assert "Finn Moss" in text
    assert "/another-time/…" in text  # the link itself is the patient's
    assert not Hold.objects.filter(status="active").exists()

    erin.post(reverse("admin:stranded_plan_change", args=[made.pk]), {"others": "1", "by_email": "on"})
    made = StrandedPlan.objects.latest("created_at")
    assert len(made.steps.get().openings) == 1
    erin.post(reverse("admin:stranded_plan_start", args=[made.pk]))
    run_what_is_due()

    report = get_text(erin.get(reverse("admin:stranded_plan", args=[made.pk])))
    assert "1 of 1 done" in report
    assert "1 time offered, held until" in report
    assert "1 time offered, held until" in get_text(erin.get(LIST))
    assert Hold.objects.filter(stranded_offer__visit=visit, status="active").count() == 1


def test_move_and_cancellation_are_previewed(erin, visit, harbour, consultation):
    make_clinician("Finn Moss", location=harbour, services=[consultation])

    page, _made = plan(erin, "move", visit)
    assert "Finn Moss" in get_text(page)
    page, made = plan(erin, "cancel", visit)
    change = {"reason": "clinician_unavailable", "message": "Dana ist krank."}
    response = erin.post(reverse("admin:stranded_plan_change", args=[made.pk]), change)
    assert "Dana ist krank." in get_text(erin.get(response["Location"]))
    assert (mail.outbox, find_open().get()) == ([], visit)


def test_visit_stays_as_it_is_for_a_reason_only(erin, visit):
    page = reverse("admin:stranded_visit_keep", args=[visit.pk])

    with nothing_changes():
        erin.post(page, {"reason": " "})
    erin.post(page, {"reason": "She comes anyway."})

    visit.refresh_from_db()
    assert (visit.outcome, visit.reason, visit.settled_by) == ("kept", "She comes anyway.", f"staff:{erin.user.pk}")


def test_pages_are_for_who_may_settle(danas_browser, visit):
    made = StrandedPlan.objects.create(action="cancel", actor="staff:7")
    pages = [LIST, ILL, *(reverse(f"admin:stranded_{name}", args=[made.pk]) for name in ("plan", "plan_progress"))]
    actions = [
        f"{LIST}plans/",
        ILL,
        reverse("admin:stranded_visit_keep", args=[visit.pk]),
        *(reverse(f"admin:stranded_{name}", args=[made.pk]) for name in ("plan_change", "plan_start")),
    ]

    with nothing_changes():
        assert {danas_browser.get(page).status_code for page in pages} == {403}
        assert {danas_browser.post(page).status_code for page in actions} == {403}


def test_list_takes_as_many_queries_for_many_visits_as_for_one(erin, visit, book, at):
    one = count_queries(erin, LIST)
    for hour in (10, 11, 14):
        mark([Stranding(book(at(hour)), "away")], actor="staff:7")

    assert count_queries(erin, LIST) == one
