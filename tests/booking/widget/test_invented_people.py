"""A bot books on the pages with invented people. tests/abuse lets it loose on a running clinic."""

from collections import Counter

from booking.models import Appointment


def test_bot_is_confirmed_no_more_often_than_its_network_may_be(client, opening, at, typed):
    answers = []
    for number, hour in enumerate([9, 9.5, 10, 10.5, 11, 11.5, 13, 13.5, 14]):
        start = at(int(hour), int(hour % 1 * 60))
        browser = {"User-Agent": f"Phone/{number}"}
        pressed = {"opening": opening(start), "without_work": "1"}
        held = client.post("/book/consultation/hold", pressed, headers=browser)
        if held.status_code == 303:
            person = typed | {"email": f"bot{number}@bots.example", "phone": f"020 7946 01{number:02}"}
            held = client.post(f"{held['Location'].partition('?')[0]}confirm", person, headers=browser)
        answers.append(held.status_code)

    assert answers == [303] * 8 + [429]
    assert Counter(Appointment.objects.values_list("status", flat=True)) == {"confirmed": 5, "pending": 3}
