"""From the first page to the visit's own."""

import re

from playwright.sync_api import expect

from booking.models import Appointment
from tests.journeys.clinic import let_lapse


def test_first_visit_on_a_phone(meet):
    ruth = meet("Ruth Ames")
    ruth.open("/")
    ruth.photograph("booking 1 services", dark=True)
    ruth.follow_link("London")
    expect(ruth.page.get_by_role("link", name="London")).to_have_attribute("aria-current", "true")
    ruth.follow_link("GP consultation")
    expect(ruth.heading).to_have_text("Choose a time")
    assert "where=" in ruth.page.url
    ruth.photograph("booking 2 times", dark=True)
    ruth.choose_first_time(weeks=1)
    expect(ruth.heading).to_have_text("Your details")
    ruth.photograph("booking 3 details", dark=True)
    ruth.press("Continue")
    ruth.sees("Please enter your name: one of the two is enough.")
    ruth.photograph("booking 4 mistakes")
    ruth.type_details()
    ruth.page.get_by_label("Phone number").fill("020 7946 0955")
    ruth.press("Continue")
    expect(ruth.heading).to_have_text("Check and confirm")
    ruth.photograph("booking 5 check", dark=True)
    ruth.press("Confirm appointment")
    expect(ruth.heading).to_have_text("You are booked")
    ruth.photograph("booking 6 done", dark=True)

    mail = ruth.receive()
    visit = Appointment.objects.get(attendee_email=ruth.email)
    assert mail.subject.startswith("Your appointment at Harbour Clinic, ")
    assert visit.reference in mail.text
    ruth.show_mail(mail, "booking 7 mail")
    [invitation] = [part for part in mail.message.walk() if part.get_content_type() == "text/calendar"]
    assert f"DTSTART:{visit.starts_at:%Y%m%dT%H%M%SZ}" in invitation.get_content().replace("\r\n ", "")

    ruth.open(mail.find_link("/appointment/"))
    expect(ruth.heading).to_have_text("Your appointment is confirmed")
    ruth.page.get_by_text("Add to calendar").click()
    ruth.photograph("booking 8 visit", dark=True)
    with ruth.page.expect_download() as download:
        ruth.follow_link("Calendar file (Apple, Outlook and others)")
    assert "BEGIN:VEVENT" in download.value.path().read_text()

    ruth.cancel()
    assert ruth.receive().subject.startswith("Cancelled: ")


def test_mother_who_is_known_books_for_her_child_and_is_written_to(meet):
    mary = meet("Mary Sloane")
    mary.is_known_to_the_clinic()
    mary.choose_time("gp-consultation", weeks=1)
    mary.prove_who_they_are()
    mary.page.get_by_label("Somebody else").check()
    mary.page.get_by_label("Who comes?").select_option("My child")
    mary.type_birth_date("3 May 2019")
    mary.page.get_by_label("First name").fill("Tom")
    mary.page.get_by_label("Last name").fill("Sloane")
    expect(mary.page.get_by_label("Your own name")).to_have_value("Mary Sloane")
    mary.photograph("child 1 details", dark=True)
    mary.press("Continue")
    expect(mary.heading).to_have_text("Check and confirm")
    mary.photograph("child 2 check")
    mary.press("Confirm appointment")
    expect(mary.heading).to_have_text("You are booked")
    mary.photograph("child 3 done")

    mail = mary.receive()
    assert mail.text.startswith("Dear Mary Sloane,")
    assert "For Tom Sloane" in mail.text
    mary.show_mail(mail, "child 4 mail")
    visit = Appointment.objects.get(attendee_email=mary.email)
    assert (visit.attendee_name, visit.contact_name) == ("Tom Sloane", "Mary Sloane")


def test_questions_are_answered_in_the_form_and_by_link(meet):
    omar = meet("Omar Haddad")
    omar.choose_time("physio-assessment", weeks=1)
    expect(omar.heading).to_have_text("Your details")
    omar.type_details()
    omar.press("Continue")
    omar.photograph("questions 1 form", dark=True)
    omar.page.get_by_label("What hurts?").fill("My left knee")
    omar.page.get_by_label("Longer").check()
    expect(omar.page.get_by_role("group", name="When was the operation?")).to_be_hidden()
    operation = omar.page.get_by_role("group", name="Have you had an operation there?")
    operation.get_by_label("Yes").check()
    omar.page.get_by_label("When was the operation?").first.fill("2021-03-01")
    omar.photograph("questions 2 answered")
    omar.press("Continue")
    expect(omar.heading).to_have_text("Check and confirm")
    omar.photograph("questions 3 check")
    omar.press("Confirm appointment")
    expect(omar.heading).to_have_text("You are booked")

    omar.follow_link("Change your answers")
    expect(omar.heading).to_have_text("Questions before your visit")
    omar.photograph("questions 4 by link", dark=True)
    omar.press("Send the answers")
    omar.sees("Thank you for answering our questions.")


def test_wrong_address_is_put_right_on_the_done_page(meet):
    nell = meet("Nell Okafor")
    right, nell.email = nell.email, "nell.okafro@example.org"
    nell.book("physio-follow-up")
    nell.receive()
    nell.page.get_by_text("Wrong address?").click()
    nell.photograph("address 1 wrong", dark=True)
    nell.page.get_by_label("E-mail address").fill(right)
    nell.press("Send it there instead")
    nell.sees(right)
    nell.photograph("address 2 right")
    nell.email, nell.mails_read = right, 0

    nell.open(nell.receive().find_link("/appointment/"))
    expect(nell.heading).to_have_text("Your appointment is confirmed")


def test_lost_links_are_sent_again(meet):
    igor = meet("Igor Banks")
    igor.book("gp-consultation")
    igor.receive()
    igor.open("/")
    igor.follow_link(re.compile("Lost"))
    expect(igor.heading).to_have_text("Lost the link to your appointment?")
    igor.photograph("links 1 asked")
    igor.page.get_by_label("E-mail address").fill(igor.email)
    igor.press("Send me my links")
    expect(igor.heading).to_have_text("Check your e-mail")
    igor.photograph("links 2 sent")
    mail = igor.receive()
    igor.show_mail(mail, "links 3 mail")
    igor.open(mail.find_link("/appointment/"))
    expect(igor.heading).to_have_text("Your appointment is confirmed")


def test_returning_patient_is_known_by_a_code(meet):
    gwen = meet("Gwen Tully")
    patient = gwen.is_known_to_the_clinic()
    gwen.choose_time("gp-consultation", weeks=1)
    gwen.prove_who_they_are()
    gwen.sees("Your details are filled in.")
    gwen.photograph("returning 4 details", dark=True)
    gwen.press("Continue")
    expect(gwen.heading).to_have_text("Check and confirm")
    gwen.photograph("returning 5 check")
    gwen.press("Confirm appointment")
    expect(gwen.heading).to_have_text("You are booked")
    assert gwen.receive().text.startswith("Dear Gwen Tully,")
    assert Appointment.objects.get(attendee_email=gwen.email).patient == patient

    gwen.open("/")
    gwen.follow_link("Been here before? See your visits")
    gwen.prove_contact()
    expect(gwen.heading).to_have_text("Your upcoming visits")
    gwen.photograph("returning 6 visits", dark=True)


def test_typed_text_outlives_reload_and_expiry(meet):
    vera = meet("Vera Lund")
    vera.choose_time("physio-follow-up")
    vera.type_details()
    vera.page.get_by_label("Anything the clinic should know?").fill("I come with my dog.")
    vera.page.reload()
    expect(vera.page.get_by_label("First name")).to_have_value("Vera")
    let_lapse(vera.page.url)
    vera.page.reload()
    vera.sees("This time is no longer held for you.")
    vera.photograph("expired 1", dark=True)
    vera.press("Hold it again")
    vera.sees("Held for you until")
    expect(vera.page.get_by_label("Anything the clinic should know?")).to_have_value("I come with my dog.")
    vera.page.get_by_role("banner").get_by_role("link").first.click()
    expect(vera.page.locator("#hold-note")).to_contain_text("You hold")
    vera.photograph("expired 2 hold on the first page", dark=True)
    vera.follow_link("Continue with it")
    vera.press("Continue")
    vera.press("Confirm appointment")
    expect(vera.heading).to_have_text("You are booked")


def test_time_pressed_while_another_day_is_on_its_way_keeps_its_address(meet):
    dee, waiting = meet("Dee Slow"), []
    dee.open("/book/gp-consultation/")
    dee.page.route("**/book/gp-consultation/?*day=*", lambda route: waiting.append(route))
    dee.page.route("**/book/gp-consultation/hold", lambda route: waiting.append(route))
    with dee.page.expect_request("**/book/gp-consultation/?*day=*"):
        dee.page.locator("a.day").last.click()
    with dee.page.expect_request("**/book/gp-consultation/hold"):
        dee.page.locator(".slot").first.click()
    day, hold = waiting
    day.continue_()
    expect(dee.page.locator("a.day").last).to_have_attribute("aria-current", "date")
    hold.continue_()
    expect(dee.heading).to_have_text("Your details")
    assert "/hold/" in dee.page.url


def test_time_taken_elsewhere_goes_from_an_open_page(meet):
    ivy, jo = meet("Ivy Marsh"), meet("Jo Quill")
    for person in (ivy, jo):
        person.open("/book/video-check-in/")
        person.page.locator("a.day").last.click()
        expect(person.page.locator("a.day").last).to_have_attribute("aria-current", "date")
    first = ivy.page.locator(".slot").first
    jo.page.locator(".slot").first.click()
    expect(jo.heading).to_have_text("Your details")

    expect(first).to_have_class(re.compile("taken"), timeout=5_000)
    ivy.photograph("times 1 taken elsewhere", dark=True)
