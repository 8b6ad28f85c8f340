"""The patient's pages against WCAG 2.2 AA, by axe, and on screens and with text of many sizes."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import expect

from booking.access.patient_links import appointment_token, entry_token
from booking.models import Appointment, WaitlistEntry
from tests.browser.test_booking import choose_a_time, press, set_expiry, type_details

WIDTHS = [320, 360, 1280]
# Upwards, as then what is focused comes from below what sticks to the top.
FIND_COVERED = """() => {
  const bar = document.getElementById("countdown");
  const covered = [];
  const all = document.querySelectorAll("main :is(a, button, input, textarea, select, summary)");
  for (const each of [...all].reverse()) {
    if (!bar || bar.contains(each) || each.tabIndex < 0 || !each.checkVisibility()) continue;
    each.focus();
    const [focused, over] = [each.getBoundingClientRect(), bar.getBoundingClientRect()];
    const isBeside = focused.left > over.right || focused.right < over.left;
    if (!isBeside && focused.top < over.bottom - 1 && focused.bottom > over.top + 1) covered.push(each.outerHTML);
  }
  return covered;
}"""


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://clinic.example"  # without it there is no waiting list


def walk(page, day):
    """Book and look at each page on the way: yield the name of each as it is open."""
    page.goto("/")
    yield "services"
    page.goto(f"/book/consultation/?day={day}")
    yield "times"
    choose_a_time(page, day)
    yield "details"
    press(page, "Continue")
    expect(page.get_by_role("alert").first).to_be_visible()
    yield "mistakes in the details"
    type_details(page)
    set_expiry(minutes=4)
    page.evaluate("htmx.trigger('#countdown', 'resync')")
    expect(page.get_by_role("button", name="Need more time?")).to_be_visible()
    yield "details, short of time"
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and confirm")
    yield "check"
    page.get_by_role("banner").get_by_role("link").first.click()
    expect(page.locator("#hold-note")).to_contain_text("You hold")
    yield "services, with a hold"
    page.get_by_role("link", name="Continue with it").click()
    press(page, "Continue")
    press(page, "Confirm appointment")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    yield "done"
    page.get_by_role("link", name="Cancel the appointment").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancel")
    yield "cancel"
    page.go_back()
    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose another time")
    yield "reschedule"
    page.goto(reverse("widget:coming", args=[appointment_token(Appointment.objects.get())]))
    yield "are you coming"
    page.get_by_role("link", name="No more reminders").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No more reminders?")
    yield "no more reminders"
    page.goto("/book/unknown/")
    yield "not found"
    page.goto("/book/consultation/wait")
    yield "waiting list"
    press(page, "Put me on the list")
    expect(page.get_by_role("alert").first).to_be_visible()
    yield "mistakes in a wish"
    page.get_by_label("Last name").fill("Archer")
    page.get_by_label("E-mail address").fill("alice@example.org")
    press(page, "Put me on the list")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your e-mail")
    yield "waiting list, mail sent"
    page.goto(reverse("widget:wish", args=[entry_token(WaitlistEntry.objects.latest("created_at"))]))
    yield "wish to confirm"
    press(page, "Put me on the list")
    page.get_by_role("link", name="Change what suits me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which times suit you?")
    yield "wish to change"


@pytest.mark.parametrize(
    "looks",
    [
        [(320, "light"), (1280, "dark")],
        pytest.param([(width, scheme) for width in WIDTHS for scheme in ("light", "dark")], marks=pytest.mark.journeys),
    ],
    ids=["narrow and wide", "every width and scheme"],
)
def test_every_page_of_a_booking_passes_axe_and_never_scrolls_sideways(open_browser, live_server, dana, day, looks):
    page, axe, faults = open_browser(), Axe(), []
    for name in walk(page, day):
        for width, scheme in looks:
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour halfway to another
            found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
            faults += [(name, width, scheme, fault["id"], fault["nodes"][0]["html"]) for fault in found]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append((name, width, scheme, "scrolls sideways"))
    assert not faults, "\n".join(map(str, faults))


def test_text_of_double_size_fits_and_countdown_covers_nothing_focused(open_browser, live_server, dana, day):
    page, faults = open_browser(), []
    for name in walk(page, day):
        for size in ("100%", "200%"):
            page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append((name, size, "scrolls sideways"))
            faults += [(name, size, covered) for covered in page.evaluate(FIND_COVERED)]
        page.evaluate("document.documentElement.style.fontSize = ''")
    assert not faults, "\n".join(map(str, faults))
