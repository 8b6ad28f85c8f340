"""A question that depends on another, in a real browser."""

import pytest
from playwright.sync_api import expect

from booking.domain.questions import save_question
from booking.models import Question


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_question_that_depends_on_another_is_shown_in_place_or_with_a_note(
    open_browser, live_server, dana, consultation, hold_time, at, javascript
):
    smoker = Question(service=consultation, kind="yes_no", text="Do you smoke?", position=1)
    save_question(smoker)
    save_question(
        Question(
            service=consultation,
            kind="number",
            text="For how many years?",
            position=2,
            depends_on=smoker,
            depends_on_answers="yes",
        )
    )
    page = open_browser(javascript=javascript)
    page.goto(f"/hold/{hold_time(at(9)).token}/")
    years, note = page.get_by_label("For how many years?"), page.get_by_text("Only if you answer")

    expect(years).to_be_visible(visible=not javascript)
    expect(note).to_be_visible(visible=not javascript)
    page.get_by_role("group", name="Do you smoke?").get_by_label("Yes").check()
    expect(years).to_be_visible()
    expect(page.locator("#say")).to_have_text("There is one more question below." if javascript else "")
    page.get_by_role("group", name="Do you smoke?").get_by_label("No", exact=True).check()
    expect(years).to_be_visible(visible=not javascript)
