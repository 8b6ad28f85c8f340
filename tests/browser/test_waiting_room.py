"""The waiting room in a browser: it goes on by itself, moves no focus, and works without JavaScript."""

import re
import time

import pytest
from playwright.sync_api import expect

from booking.access.waiting_line import KEY, waiting_line
from booking.ops import overload
from booking.widget import waiting_room

IN_LINE = re.compile(r"/line/[\w-]+/$")
INSIDE = re.compile(r"/in/[\w-]+/$")


@pytest.fixture
def line(transactional_db, monkeypatch, dana):
    """A line that only moves when the test says so."""
    line = waiting_line()
    line.redis.client.delete(KEY)
    line.draw(0, is_pressed=True)
    still = {"drawn": 214, "admitted": 0, "rate": 0.001, "at": time.time(), "rated_at": 1e12}
    line.redis.client.hset(KEY, mapping=still)
    monkeypatch.setattr(overload, "state", overload.State())
    monkeypatch.setattr(waiting_room, "MAX_PAUSE", 1)
    waiting_room.lines.forget()
    yield line.redis.client
    line.redis.client.delete(KEY)
    waiting_room.lines.forget()


def admit(redis, number):
    redis.hset(KEY, "admitted", number)


def test_page_counts_down_and_goes_in_without_moving_the_focus(line, open_browser):
    page = open_browser()
    page.goto("/")
    expect(page).to_have_url(IN_LINE)
    expect(page.get_by_text("214 people are ahead of you.")).to_be_visible()
    language = page.locator(".languages summary")
    language.focus()

    admit(line, 213)

    expect(page.get_by_text("1 person is ahead of you.")).to_be_visible()
    expect(language).to_be_focused()
    expect(page.get_by_role("status").first).to_contain_text("It is your turn in about")

    admit(line, 215)

    expect(page).to_have_url(INSIDE)
    page.get_by_role("link", name="Consultation").first.click()
    expect(page).to_have_url(re.compile(r"/in/[\w-]+/book/consultation/"))


def test_page_goes_in_without_javascript(line, open_browser):
    page = open_browser(javascript=False)
    page.goto("/")
    expect(page).to_have_url(IN_LINE)

    admit(line, 215)

    expect(page).to_have_url(INSIDE)
