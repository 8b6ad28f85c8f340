"""What reminds of a visit."""

from datetime import timedelta

from playwright.sync_api import expect

from booking.models import Appointment, Reminder
from scheduling.lib.clock import database_now
from tests.waiting import wait_until


def list_reminders(visit):
    """Return the e-mails that are to remind of a visit, as times before it, longest first."""
    due = Reminder.objects.filter(appointment=visit, channel="email", status="waiting").order_by("due_at")
    return [visit.starts_at - at for at in due.values_list("due_at", flat=True)]


def test_reminder_comes_and_is_answered_and_staff_see_it(meet, staff):
    hana = meet("Hana Rowe")
    hana.choose_time("gp-consultation", weeks=1)
    hana.type_details()
    box = hana.page.get_by_label("Remind me before the visit")
    expect(box).not_to_be_checked()
    box.check()
    hana.photograph("reminders 1 box", dark=True)
    hana.press("Continue")
    hana.press("Confirm appointment")
    expect(hana.heading).to_have_text("You are booked")
    hana.receive()
    visit = Appointment.objects.get(attendee_email=hana.email)
    assert list_reminders(visit)

    first = Reminder.objects.filter(appointment=visit, status="waiting").earliest("due_at")
    Reminder.objects.filter(pk=first.pk).update(due_at=database_now())
    mail = hana.receive()
    assert mail.subject.startswith("Reminder: your appointment at Harbour Clinic, ")
    hana.show_mail(mail, "reminders 2 mail")
    hana.open(mail.find_link("/coming"))
    expect(hana.heading).to_have_text("Are you coming?")
    hana.photograph("reminders 3 coming", dark=True)
    hana.press("I am coming")
    expect(hana.heading).to_have_text("Thank you")
    hana.photograph("reminders 4 thanks", dark=True)

    staff.open(f"/admin/booking/appointment/{visit.pk}/change/")
    expect(staff.page.get_by_text("yes, on").first).to_be_visible()
    staff.photograph("reminders 5 staff")


def test_reminders_follow_a_visit_that_moves_and_end_with_it(meet):
    lars = meet("Lars Holm")
    lars.choose_time("gp-consultation", weeks=1)
    lars.type_details()
    lars.page.get_by_label("Remind me before the visit").check()
    lars.press("Continue")
    lars.press("Confirm appointment")
    expect(lars.heading).to_have_text("You are booked")
    lars.open(lars.receive().find_link("/appointment/"))
    visit = Appointment.objects.get(attendee_email=lars.email)
    before = list_reminders(visit)

    lars.follow_link("Choose another time")
    expect(lars.heading).to_have_text("Choose another time")
    lars.photograph("moving 1 times")
    lars.page.locator("a.day").last.click()
    expect(lars.page.locator("a.day").last).to_have_attribute("aria-current", "date")
    lars.page.locator(".slot").last.click()
    expect(lars.heading).to_have_text("Is this the new time?")
    lars.photograph("moving 2 check", dark=True)
    lars.press("Take the new time")
    expect(lars.heading).to_contain_text("moved")
    lars.photograph("moving 3 moved")
    mail = lars.receive()
    assert mail.subject.startswith("New time: ")
    moved = Appointment.objects.get(pk=visit.pk)
    assert moved.starts_at != visit.starts_at
    # Each comes as long before the visit, but in the evening before where that is at night.
    assert len(list_reminders(moved)) == len(before)
    assert all(timedelta() < each < timedelta(hours=60) for each in list_reminders(moved))

    lars.open(mail.find_link("/appointment/"))
    lars.cancel()
    wait_until(lambda: not list_reminders(moved))
