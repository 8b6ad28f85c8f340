"""A bot that books with invented people, from any network. It does the work it is asked for and reads no mail."""

import html
import itertools
import json
import random
import re
import string
from datetime import timedelta
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import altcha

TIMEOUT = 30
DAYS = range(2, 50)
HOLD = "/book/consultation/hold"
NUMBERS = itertools.count(1)


class Refused(Exception):
    """The answer was no page of a hold or a booking; ``text`` is what it says."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        super().__init__(f"{status}: {text[:300]}")


class Browser:
    """Asks the web server from one network, each time as another browser."""

    def __init__(self, address, network):
        self.address, self.network = address, network

    def ask(self, path, data=None, content_type="application/x-www-form-urlencoded", **headers):
        """Return the final address and the text of an answer; raises Refused."""
        url = path if "://" in path else f"{self.address}{path}"
        headers |= {"X-Forwarded-For": self.network, "User-Agent": f"Phone/{next(NUMBERS)}"}
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            with urlopen(Request(url, data, headers), timeout=TIMEOUT) as response:
                return response.url, response.read().decode()
        except HTTPError as error:
            raise Refused(error.code, error.read().decode()) from None

    def post(self, path, **fields):
        return self.ask(path, urlencode(fields).encode())


def solve(page):
    """Do the work that a page asks for, and return the proof; None where it asks for none."""
    found = re.search(r'data-challenge="([^"]+)"', page)
    if not found:
        return None
    challenge = altcha.Challenge.from_dict(json.loads(html.unescape(found[1])))
    return altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()


def invent():
    """Return somebody who does not exist."""
    name = "".join(random.choices(string.ascii_lowercase, k=8)).title()
    return {"first_name": "Bot", "last_name": name, "email": f"bot{next(NUMBERS)}@bots.example"}


class Visitor(Browser):
    """Books on the patient's pages; ``max_solved`` is how often they do the work that is asked for."""

    def __init__(self, address, network, today, max_solved=2):
        super().__init__(address, network)
        self.today, self.max_solved = today, max_solved

    def book(self, **person):
        """Try to book for a person, by default an invented one, and return the last page; raises Refused."""
        return self.confirm(self.hold(), **person or invent())

    def find_opening(self, query=""):
        """Return a free time, any of the next weeks, as the value of its button; raises Refused."""
        day = self.today + timedelta(days=random.choice(DAYS))
        _, page = self.ask(f"/book/consultation/?day={day}{query}")
        openings = re.findall(r'name="opening" value="([^"]+)"', page)
        if not openings:
            raise Refused(404, "full")
        return random.choice(openings)

    def hold(self, **shown):
        """Hold a free time, and return its page's address; raises Refused."""
        opening = self.find_opening()
        try:
            held, _ = self.post(HOLD, opening=opening, **shown)
        except Refused as refused:
            if not self.max_solved or not (proof := solve(refused.text)):
                raise
            self.max_solved -= 1
            held, _ = self.post(HOLD, opening=opening, proof_of_work=proof, tried="1")
        return held.partition("?")[0]

    def confirm(self, held, **person):
        birth_date = {"date_of_birth_day": "12", "date_of_birth_month": "4", "date_of_birth_year": "1985"}
        done, page = self.post(f"{held}confirm", consent="on", **birth_date, **person)
        if not done.endswith("/done"):
            raise Refused(200, page)
        return page


class ApiBot(Browser):
    """Books over the API with the publishable key of the clinic's own site."""

    def __init__(self, address, network, today, key, origin, service):
        super().__init__(address, network)
        self.today, self.service = today, service
        self.headers = {"Authorization": f"Bearer {key}", "Origin": origin}

    def call(self, path, **body):
        data = json.dumps(body).encode() if body else None
        _, answer = self.ask(f"/api/v1{path}", data, "application/json", **self.headers)
        return json.loads(answer)["data"]

    def book(self):
        """Try to book, and return the appointment; raises Refused."""
        day = self.today + timedelta(days=random.choice(DAYS))
        query = urlencode({"appointment_type_id": self.service, "start_date": day, "end_date": day})
        openings = self.call(f"/availability?{query}")
        if not openings:
            raise Refused(404, "full")
        hold = self.call("/holds", booking_key=random.choice(openings)["booking_key"])
        person = invent() | {"date_of_birth": "1985-04-12"}
        return self.call(f"/holds/{hold['id']}/confirm", patient=person)
