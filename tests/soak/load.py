"""Who books over the API, and who looks at the pages, at the pace of a busy clinic."""

import random
import sys
import time
from collections import Counter
from datetime import date, timedelta
from http.client import HTTPConnection
from threading import Thread

from tests.proof.clients import Client, attempt, read_answer

PAUSE = 1.0  # seconds between two requests, on average
PATHS = ["/", "/book/consultation/?day={day}", "/book/massage/?day={day}", "{availability}"]


class Booker(Client):
    """A client of the API that pauses before each thing it does."""

    def __init__(self, number, **shared):
        super().__init__(number, budget=sys.maxsize, seed=1, crowding=0.1, is_wanted=lambda: False, **shared)
        self.statuses = Counter()

    def choose(self):
        time.sleep(self.rng.uniform(0, 2 * PAUSE))
        return super().choose()

    def note(self, number, outcome, **answer):
        self.statuses[answer.get("status")] += 1
        return super().note(number, outcome, **answer)


class Visitor(Thread):
    """Somebody who looks for a time on the pages, and a program that asks for free times."""

    budget, error = 1, None

    def __init__(self, number, *, clinic, port):
        super().__init__(name=f"visitor {number}", daemon=True)
        self.rng, self.clinic, self.statuses = random.Random(number), clinic, Counter()
        self.connection = HTTPConnection("127.0.0.1", port, timeout=10)
        self.headers = {"Host": "localhost", "Authorization": f"Bearer {clinic['key']}"}

    def run(self):
        while self.budget > 0:
            time.sleep(self.rng.uniform(0, 2 * PAUSE))
            received = attempt(self.connection, self.connection.request, "GET", self.pick_path(), None, self.headers)
            received = received and attempt(self.connection, read_answer, self.connection)
            self.statuses[received and received[0]] += 1
        self.connection.close()

    def pick_path(self):
        day = date.fromisoformat(self.clinic["first_day"][:10]) + timedelta(days=self.rng.randrange(60))
        service = self.rng.choice(self.clinic["services"])
        last = day + timedelta(days=13)
        availability = f"/api/v1/availability?appointment_type_id={service}&start_date={day}&end_date={last}"
        return self.rng.choice(PATHS).format(day=day, availability=availability)
