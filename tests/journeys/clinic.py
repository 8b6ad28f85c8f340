"""The demo's clinic on the running programs, the people who come to it, and the mails they get."""

import re
from datetime import date
from email import message_from_bytes, policy

from django.utils import timezone
from playwright.sync_api import expect

from booking.dev.servers import BASE_DIR
from booking.domain.holds import find_hold
from booking.models import OutboxMessage
from patients.models import Patient
from tests.ledger import lapse
from tests.waiting import wait_until

SCREENSHOTS = BASE_DIR / ".data" / "journeys"
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}


class Mail:
    """A mail as it came to its reader; ``html`` is None in one that staff are sent as plain text only."""

    def __init__(self, source):
        self.message = message_from_bytes(source.encode(), policy=policy.default)
        self.address, self.subject = self.message["To"], self.message["Subject"]
        self.text = self.message.get_body(("plain",)).get_content()
        html = self.message.get_body(("html",))
        self.html = html and html.get_content()

    def find_link(self, place):
        """Return the first link of the text that has ``place`` in it."""
        return next(link for link in re.findall(r"https?://\S+", self.text) if place in link)


class Clinic:
    """An installation with people around it; ``village`` is a site that may frame its pages."""

    def __init__(self, address, mailbox, village):
        self.address, self.mailbox, self.village = address, mailbox, village

    def list_mails(self, address):
        return [mail for mail in map(Mail, list(self.mailbox.accepted)) if mail.address == address]


class Person:
    """Somebody with a browser and an e-mail address."""

    def __init__(self, clinic, page, name):
        self.clinic, self.page, self.name = clinic, page, name
        self.first_name, _space, self.last_name = name.partition(" ")
        self.email = f"{name}@example.org".replace(" ", ".").lower()
        self.mails_read = 0

    # What they see

    @property
    def heading(self):
        return self.page.get_by_role("heading", level=1)

    def sees(self, text):
        expect(self.page.locator("#page").get_by_text(text).first).to_be_visible()

    def photograph(self, name, *, dark=False, height=None):
        """Keep what they see, on a phone and on a screen; assert that nothing is wider than either.

        What is in a frame of another site is painted only as far as the window's ``height``.
        """
        schemes = ["light", "dark"] if dark else ["light"]
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for size in (DESK, PHONE):
            self.page.set_viewport_size(size | ({"height": height} if height else {}))
            for scheme in reversed(schemes):
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                path = SCREENSHOTS / f"{name} {size['width']} {scheme}.png"
                self.page.screenshot(path=path, full_page=True, caret="initial")
            assert self.page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    # What they do

    def open(self, address):
        self.page.goto(address)

    def press(self, name):
        self.page.get_by_role("button", name=name).last.click()

    def follow_link(self, name):
        self.page.get_by_role("link", name=name).last.click()

    def choose_time(self, service, *, weeks=1):
        """Open a service, and have the first free time of a week held."""
        self.open(f"/book/{service}/")
        self.choose_first_time(weeks=weeks)

    def choose_first_time(self, *, weeks):
        """Go on so many weeks, and have the first free time of the first free day held."""
        for _ in range(weeks):
            days = self.page.locator("ol.days")
            before = days.inner_text()
            self.page.locator("#later").click()
            expect(days).not_to_have_text(before, use_inner_text=True)
        self.page.locator(".slot").first.click()

    def type_birth_date(self, born):
        for label, part in zip(("Day", "Month", "Year"), born.split(), strict=True):
            self.page.get_by_label(label, exact=True).fill(part)

    def type_details(self):
        self.type_birth_date("12 April 1985")
        self.page.get_by_label("First name").fill(self.first_name)
        self.page.get_by_label("Last name").fill(self.last_name)
        self.page.get_by_role("textbox", name="E-mail address").fill(self.email)

    def book(self, service, *, weeks=1):
        """Book the first free time so many weeks from now."""
        self.choose_time(service, weeks=weeks)
        expect(self.heading).to_have_text("Your details")
        self.type_details()
        self.press("Continue")
        self.press("Confirm appointment")
        expect(self.heading).to_have_text("You are booked")

    def is_known_to_the_clinic(self):
        """Have been here before, and return the Patient."""
        return Patient.objects.create(
            first_name=self.first_name,
            last_name=self.last_name,
            date_of_birth=date(1985, 4, 12),
            email=self.email,
            phone="+442079460955",
        )

    def prove_who_they_are(self):
        """From the details page and back to it, with a code."""
        self.follow_link("Have your details filled in")
        self.prove_contact()
        expect(self.heading).to_have_text("Your details")

    def prove_contact(self):
        expect(self.heading).to_have_text("Been here before?")
        self.page.get_by_label("E-mail address").fill(self.email)
        self.type_birth_date("12 April 1985")
        self.photograph("returning 1 contact", dark=True)
        self.press("Send me a code")
        expect(self.heading).to_have_text("Type the code")
        self.photograph("returning 2 code")
        mail = self.receive()
        self.show_mail(mail, "returning 3 mail")
        self.page.get_by_label("Code").fill(re.search(r"\b\d{3} ?\d{3}\b", mail.text)[0])
        self.press("Continue")

    def has_mail(self):
        return len(self.clinic.list_mails(self.email)) > self.mails_read

    def receive(self):
        """Wait for the next mail, and return it."""
        wait_until(self.has_mail)
        self.mails_read += 1
        return self.clinic.list_mails(self.email)[self.mails_read - 1]

    def receive_at_once(self, kind):
        """Receive a mail of this kind that the clinic may not send before the morning."""

        def is_here():
            later = OutboxMessage.objects.filter(kind=kind, status="waiting", due_at__gt=timezone.now())
            later.update(due_at=timezone.now())
            return self.has_mail()

        wait_until(is_here)
        return self.receive()

    def cancel(self):
        """Cancel the visit whose page is open."""
        self.follow_link("Cancel the appointment")
        expect(self.heading).to_have_text("Cancel this appointment?")
        self.press("Cancel the appointment")
        expect(self.heading).to_contain_text("cancelled")

    def show_mail(self, mail, name):
        """Keep what a mail looks like."""
        page = self.page.context.new_page()
        page.set_content(mail.html)
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            page.screenshot(path=SCREENSHOTS / f"{name} {size['width']} light.png", full_page=True, caret="initial")
        page.close()


def let_lapse(address):
    """Let the hold of a details page's address lapse a moment ago."""
    token = re.search(r"/hold/([^/]+)/", address)[1]
    lapse(find_hold(token))
