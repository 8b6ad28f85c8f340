"""Move a visit from the diary: by a drag or by the form, telling the patient or not."""

import pytest
from django.urls import reverse

from booking.models import OutboxMessage
from tests.booking.admin.pages import get_text
from tests.booking.admin.test_diary_booking import HTMX, read_form
from tests.ledger import nothing_changes


def move(appointment):
    return reverse("admin:diary_move", args=[appointment.pk])


@pytest.mark.parametrize("tick", [{"tell": "1"}, {}])
def test_drag_fills_in_form_and_patient_is_told_if_ticked(erin, book, at, dana, tick):
    appointment = book(at(9))
    OutboxMessage.objects.all().delete()
    wanted = {"clinician": str(dana.pk), "start": f"{at(11):%Y-%m-%dT%H:%M}"}

    form = read_form(erin.get(move(appointment), wanted, headers=HTMX))
    response = erin.post(move(appointment), form | tick | {"book": "1"}, headers=HTMX)

    appointment.refresh_from_db()
    assert appointment.starts_at == at(11)
    assert response["HX-Trigger"] == "diary:changed"
    assert OutboxMessage.objects.filter(kind="email.appointment_rescheduled").exists() == bool(tick)
    assert ("The patient was sent nothing" in get_text(response)) == (not tick)


def test_drag_to_taken_time_says_why_and_keeps_old_time(erin, book, at):
    appointment, _other = book(at(9)), book(at(11))

    page = erin.get(move(appointment), {"start": f"{at(11):%Y-%m-%dT%H:%M}"}, headers=HTMX)

    assert "11:00, Dana Reed, Harbour Street: there is an appointment then" in get_text(page)
    with nothing_changes():
        erin.post(move(appointment), read_form(page) | {"book": "1"}, headers=HTMX)


def test_cancelled_visit_cannot_be_moved_nor_by_who_may_not_decide(erin, danas_browser, book, at):
    appointment = book(at(9))

    with nothing_changes():
        assert danas_browser.post(move(appointment), {"book": "1"}).status_code == 403

    erin.post(reverse("admin:diary_cancel", args=[appointment.pk]), {"reason": "other"})
    assert "cannot be given another time: it is cancelled" in get_text(erin.get(move(appointment), headers=HTMX))
