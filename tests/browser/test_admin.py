"""Staff's pages on a phone, in light and dark."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse

from booking.models import Appointment
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, TimeOff, UnreadEvent
from tests.booking.admin.pages import url
from tests.browser.conftest import watch

# What the eye cannot read or reach: texts with less contrast than WCAG AA asks for, what is wider than the page.
FIND_FAULTS = """() => {
  const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const known = {};
  const read = (color) => known[color] ??= (() => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = color;
    brush.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  })();
  const luminance = (color) => color.slice(0, 3)
    .map((part) => part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const background = (element) => {
    const color = element ? read(getComputedStyle(element).backgroundColor) : [255, 255, 255, 1];
    if (color[3] === 1) return color;
    const under = background(element.parentElement);
    return under.map((part, index) => index < 3 ? color[index] * color[3] + part * (1 - color[3]) : 1);
  };
  const faults = [];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) faults.push(`the page is ${page.scrollWidth} wide`);
  const content = document.querySelector('#content').getBoundingClientRect();
  if (content.width < 320) faults.push(`the content is ${content.width} wide`);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    const {width, height} = element.getBoundingClientRect();
    if (!text || width < 2 || height < 2 || !element.checkVisibility({visibilityProperty: true})) continue;
    if (element.closest('option, script, :disabled, .visually-hidden, .skip-to-content-link')) continue;
    const [ink, ground] = [luminance(read(getComputedStyle(element).color)), luminance(background(element))];
    const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (contrast < 4.5) faults.push(`“${text}” has a contrast of ${contrast.toFixed(2)}`);
  }
  return faults;
}"""


@pytest.fixture
def pages(live_server, harbour, consultation, dana, desk, book, at):
    """Staff's pages in a clinic where a visit waits for a yes and a calendar is neither read nor clear."""
    book(at(9), network="cafe")
    waiting = book(at(10), network="cafe")
    book(at(11), network="cafe")
    answer_by = database_now() + timedelta(hours=1)
    Appointment.objects.filter(pk=waiting.pk).update(status="pending", provider=desk, answer_by=answer_by)
    calendar = Calendar.objects.create(clinician=dana, name="Own calendar", url="https://calendar.example/dana.ics")
    for day, ignored_at in ((at(0).date(), None), (None, database_now())):
        UnreadEvent.objects.create(calendar=calendar, fingerprint=str(day), day=day, ignored_at=ignored_at)
    closure = TimeOff.objects.create(location=harbour, starts_at=at(20), ends_at=at(21))
    return [
        reverse("admin:index"),
        url("booking_appointment") + "?day=any",
        url("booking_appointment", "add") + f"?service={consultation.pk}",
        url("booking_unconfirmed"),
        url("booking_unusualbooking"),
        url("patients_patient", "change", Patient.objects.get().pk),
        url("scheduling_clinician", "change", dana.pk),
        url("scheduling_calendar"),
        url("scheduling_calendar", "change", calendar.pk),
        url("scheduling_timeoff", "delete", closure.pk),
        url("booking_staffaccount"),
        url("booking_staffaccount", "add"),
    ]


@pytest.fixture
def phone(chromium, live_server, admin_client):
    """A page of a phone on which staff are logged in. Nothing may go wrong on it."""
    context = chromium.new_context(
        base_url=live_server.url, viewport={"width": 360, "height": 740}, reduced_motion="reduce"
    )
    session = admin_client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": session.key, "value": session.value, "url": live_server.url}])
    page, faults = context.new_page(), []
    watch(page, live_server.url, faults)
    yield page
    context.close()
    assert faults == []


def test_admin_pages_fit_a_phone_and_can_be_read_in_light_and_dark(phone, pages):
    faults = {}

    def look():
        for scheme in ("light", "dark"):
            phone.emulate_media(color_scheme=scheme)
            faults[phone.title(), scheme] = phone.evaluate(FIND_FAULTS)

    for address in pages:
        phone.goto(address)
        look()
    phone.context.clear_cookies()
    phone.goto(reverse("admin:login"))
    look()

    assert len(faults) == 2 * (len(pages) + 1)
    assert {page: found for page, found in faults.items() if found} == {}

    phone.evaluate("document.querySelector('label').style.color = 'var(--surface)'")
    assert phone.evaluate(FIND_FAULTS) == ["“Username:” has a contrast of 1.00"]
