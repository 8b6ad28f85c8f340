"""Who waits for a time that is not free. No other journey is about blood tests: what is freed is for these people."""

from playwright.sync_api import expect

from booking.models import Appointment, WaitlistEntry
from tests.waiting import wait_until


def test_freed_time_is_offered_to_who_waits_and_booked(clinic, meet):
    kit, ruby = meet("Kit Avery"), meet("Ruby Stone")
    kit.book("phlebotomy")
    time = Appointment.objects.get(attendee_email=kit.email).starts_at

    ruby.open("/book/phlebotomy/")
    ruby.follow_link("Tell me when a time is free")
    expect(ruby.heading).to_have_text("Tell me when a time is free")
    ruby.page.get_by_label("Morning").check()
    ruby.page.get_by_label("First name").fill(ruby.first_name)
    ruby.page.get_by_label("Last name").fill(ruby.last_name)
    ruby.page.get_by_label("E-mail address").fill(ruby.email)
    ruby.photograph("waitlist 1 wish", dark=True)
    ruby.press("Put me on the list")
    expect(ruby.heading).to_have_text("Check your e-mail")
    ruby.photograph("waitlist 2 sent")
    mail = ruby.receive()
    ruby.show_mail(mail, "waitlist 3 mail")
    ruby.open(mail.find_link("/waiting/"))
    ruby.photograph("waitlist 4 link", dark=True)
    ruby.press("Put me on the list")
    expect(ruby.page.get_by_role("link", name="Change what suits me")).to_be_visible()
    ruby.photograph("waitlist 5 waits")

    kit.open(kit.receive().find_link("/appointment/"))
    kit.cancel()

    offer = ruby.receive_at_once("email.waitlist_offer")
    assert offer.subject.startswith("A time is free for you at Harbour Clinic, ")
    ruby.show_mail(offer, "waitlist 6 offer")
    ruby.open(offer.find_link("/hold/"))
    expect(ruby.heading).to_have_text("Your details")
    ruby.photograph("waitlist 7 details", dark=True)
    ruby.type_details()
    ruby.press("Continue")
    ruby.press("Confirm appointment")
    expect(ruby.heading).to_have_text("You are booked")
    assert Appointment.objects.get(attendee_email=ruby.email).starts_at == time
    wait_until(lambda: WaitlistEntry.objects.filter(email=ruby.email, status="booked").exists())
    ruby.open(mail.find_link("/waiting/"))
    ruby.sees("You have found a time, so you are no longer waiting.")
    ruby.photograph("waitlist 8 found")


def test_earlier_time_replaces_a_visit(meet):
    kim, early = meet("Kim Foster"), meet("Pia Early")
    early.book("phlebotomy", weeks=1)
    kim.book("phlebotomy", weeks=2)
    visit = Appointment.objects.get(attendee_email=kim.email)
    kim.open(kim.receive().find_link("/appointment/"))
    kim.press("Tell me if something earlier is free")
    kim.photograph("earlier 1 asked", dark=True)
    entry = WaitlistEntry.objects.get(appointment=visit)
    if entry.status == "unconfirmed":
        mail = kim.receive()
        kim.open(mail.find_link("/waiting/"))
        kim.photograph("earlier 2 link")
        kim.press("Put me on the list")
        expect(kim.page.get_by_role("button", name="Leave the list")).to_be_visible()

    early.open(early.receive().find_link("/appointment/"))
    early.cancel()

    offer = kim.receive_at_once("email.waitlist_offer")
    kim.show_mail(offer, "earlier 3 offer")
    kim.open(offer.find_link("/to/"))
    expect(kim.heading).to_have_text("Is this the new time?")
    kim.photograph("earlier 4 new time", dark=True)
    kim.press("Take the new time")
    expect(kim.heading).to_contain_text("moved")
    kim.photograph("earlier 5 moved")
    assert Appointment.objects.get(pk=visit.pk).starts_at < visit.starts_at
