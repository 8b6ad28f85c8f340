"""The clients: each holds, confirms, moves, cancels and tries again, and writes down what it asks and is answered."""

import json
import random
import time
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import NamedTuple

from tests.proof.history import OK, REFUSED, UNKNOWN

TIMEOUT = 10  # seconds that a client waits for an answer
MAX_TRIES = 8
LETTERS = str.maketrans("0123456789-", "ghijklmnopq")  # a name has no digits
# These say nothing of whether the request is being, or will be, done.
UNDECIDED = {409: "idempotency-key-in-flight", 429: "throttled"}


class Operation(NamedTuple):
    """One thing that a client wants, however often it asks."""

    verb: str
    path: str
    body: dict
    subject: str = ""  # the id of the hold or appointment


class Client(Thread):
    """A client that sends ``budget`` requests over two connections, and more for as long as ``is_wanted()``.

    ``crowding`` is how often it wants the time that all others want, too.
    """

    def __init__(self, number, *, clinic, history, port, budget, seed, crowding, is_wanted):
        super().__init__(name=f"client {number}", daemon=True)
        self.number, self.clinic, self.history, self.budget, self.seed = number, clinic, history, budget, seed
        self.crowding, self.is_wanted, self.error = crowding, is_wanted, None
        self.rng = random.Random(f"{seed} {number}")
        self.connections = [HTTPConnection("127.0.0.1", port, timeout=TIMEOUT) for _ in range(2)]
        self.headers = {"Authorization": f"Bearer {clinic['key']}", "Content-Type": "application/json"}
        self.headers["Host"] = "localhost"
        self.first_day = datetime.fromisoformat(clinic["first_day"])
        self.wanted, self.holds, self.appointments, self.people = 0, {}, [], []

    def run(self):
        try:
            while self.goes_on:
                self.choose()()
        except Exception as error:  # noqa: BLE001 - raised where the thread is joined
            self.error = error
        for connection in self.connections:
            connection.close()

    @property
    def goes_on(self):
        return self.budget > 0 or self.is_wanted()

    def choose(self):
        """Return the next thing to do: what is held is mostly confirmed, and little of what is booked changed."""
        verbs = {self.hold: 4}
        if self.holds:
            verbs |= {self.confirm: 7, self.move: 2, self.release: 1, self.confirm_late: 1}
        if self.appointments:
            verbs |= {self.reschedule: 2, self.cancel: 2}
        return self.rng.choices(list(verbs), verbs.values())[0]

    # What a client wants

    def hold(self):
        service = self.rng.choice(self.clinic["services"])
        body = {"appointment_type_id": service, **self.pick_opening(), "external_id": f"{self.number}-{self.wanted}"}
        self.note_hold(self.ask(Operation("hold", "/holds", body)))

    def move(self):
        hold, _ = self.pop_hold()
        self.note_hold(self.ask(Operation("move", f"/holds/{hold}/move", self.pick_opening(), hold)))

    def release(self):
        hold, _ = self.pop_hold()
        self.ask(Operation("release", f"/holds/{hold}", {}, hold))

    def confirm(self):
        hold, _ = self.pop_hold()
        self.confirm_hold(hold)

    def confirm_late(self):
        """Confirm the hold that runs out next, just then or a moment before or after, if that is soon."""
        hold = min(self.holds, key=self.holds.get)
        wait = self.holds.pop(hold) + self.rng.uniform(-0.2, 0.2) - time.time()
        if 0 < wait < 3:
            time.sleep(wait)
        self.confirm_hold(hold)

    def confirm_hold(self, hold):
        body = {"patient": self.pick_person(), "attendee_email": f"{self.spell()}@example.org"}
        operation = Operation("confirm", f"/holds/{hold}/confirm", body, hold)
        if answer := self.ask(operation, as_two=self.rng.random() < 0.1):
            self.appointments.append(answer["id"])

    def reschedule(self):
        appointment = self.rng.choice(self.appointments)
        path = f"/appointments/{appointment}/reschedule"
        self.ask(Operation("reschedule", path, self.pick_opening(), appointment))

    def cancel(self):
        appointment = self.appointments.pop(self.rng.randrange(len(self.appointments)))
        body = {"reason": "patient_request"}
        self.ask(Operation("cancel", f"/appointments/{appointment}/cancel", body, appointment))

    def pop_hold(self):
        """Take a hold, more often than not the latest, and return its id and until when it lasts."""
        ids = list(self.holds)
        id = self.rng.choice([ids[-1], self.rng.choice(ids)])
        return id, self.holds.pop(id)

    def note_hold(self, answer):
        if answer:
            self.holds[answer["id"]] = datetime.fromisoformat(answer["expires_at"]).timestamp()

    def pick_opening(self):
        """Return an opening: any, or one that all clients want at about this time."""
        rng = self.rng
        if rng.random() < self.crowding:
            rng = random.Random(f"{self.seed} {self.wanted // 8}")
        who = rng.choice(self.clinic["clinicians"])
        day, quarter = rng.randrange(self.clinic["days"]), rng.randrange(9 * 4, 17 * 4)
        starts_at = self.first_day + timedelta(days=day, minutes=15 * quarter)
        return {
            "clinician_id": who["clinician"],
            "location_id": who["location"],
            "start_time": starts_at.isoformat(),
        }

    def pick_person(self):
        """Return somebody new, or now and then somebody who has been there."""
        if self.people and self.rng.random() < 0.1:
            return self.rng.choice(self.people)
        name = self.spell()
        person = {"first_name": "Alice", "last_name": f"Archer {name}", "date_of_birth": "1985-04-12"}
        self.people.append({**person, "email": f"{name}@example.net"})
        return self.people[-1]

    def spell(self):
        return f"{self.number}-{self.wanted}".translate(LETTERS)

    # How it asks

    def ask(self, operation, *, as_two=False):
        """Ask until there is an answer, at times twice at once, or again; return what it has, or None.

        ``as_two`` asks as two programs would that do not know of each other: each with a key of its own.
        """
        key = f"{self.seed}-{self.number}-{self.wanted}"
        self.wanted += 1
        keys = [key, f"{key}-other"] if as_two else [key] * (1 + (self.rng.random() < 0.06))
        for attempt in range(MAX_TRIES):
            answers = self.send(operation, keys)
            decided = [answer for answer in answers if answer[0] != UNKNOWN]
            if len(decided) == len(keys) or (decided and not as_two):
                break
            if not self.goes_on:
                break
            time.sleep(min(2, 0.2 * 2**attempt) * self.rng.uniform(0.5, 1))
        if decided and self.rng.random() < 0.08:
            self.send(operation, keys[:1])
        return next((data for outcome, data in decided if outcome == OK), None)

    def send(self, operation, keys):
        """Send a request once for each key, at the same time, and return (outcome, data) of each."""
        method = "DELETE" if operation.verb == "release" else "POST"
        numbers, sent = [], []
        for key, connection in zip(keys, self.connections, strict=False):
            self.budget -= 1
            request = {"client": self.number, "key": key, "verb": operation.verb, "subject": operation.subject}
            numbers.append(self.history.invoke(**request, body=operation.body))
            headers = self.headers | {"Idempotency-Key": key}
            path = f"/api/v1{operation.path}"
            sent.append(attempt(connection, connection.request, method, path, json.dumps(operation.body), headers))
        return [
            self.receive(number, connection) if was_sent else self.note(number, UNKNOWN)
            for number, connection, was_sent in zip(numbers, self.connections, sent, strict=False)
        ]

    def receive(self, number, connection):
        received = attempt(connection, read_answer, connection)
        if received is None:
            return self.note(number, UNKNOWN)
        status, body = received
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        is_undecided = status in UNDECIDED and (answer or {}).get("code") == UNDECIDED[status]
        outcome = OK if status < 300 else UNKNOWN if status >= 500 or is_undecided else REFUSED
        return self.note(number, outcome, status=status, answer=answer)

    def note(self, number, outcome, **answer):
        self.history.complete(number, outcome=outcome, **answer)
        return outcome, (answer.get("answer") or {}).get("data")


def attempt(connection, act, *arguments):
    """Return what ``act`` returns, or True; None if the connection fails, which then is closed."""
    try:
        return act(*arguments) or True
    except (OSError, HTTPException):
        connection.close()
        return None


def read_answer(connection):
    response = connection.getresponse()
    return response.status, response.read()
