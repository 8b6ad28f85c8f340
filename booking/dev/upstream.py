"""A stand-in for another system, to try a provider out with and for tests: a real HTTP server with a mind of its own.

It speaks what docs/providers.md says and keeps its bookings in memory. How it behaves can be changed while it runs:
POST /behaviour {"behaviour": "slow"}. GET /bookings tells what it has; POST /callback makes it send an answer.
These three want no signature, so it is not to be had on any network but one's own.
"""

import argparse
import contextlib
import json
import os
import random
import sys
import threading
import time
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import django
from django.utils import timezone

from booking.access import signatures
from booking.dev.demo import ENVIRONMENT

# What it does with a booking: whether it takes it, what it answers after how many seconds, and what it says later.
BEHAVIOURS = {
    "answers": {},
    "reserves": {"status": "reserved", "later": [(1, "confirmed")]},
    "slow": {"after": 4},
    "down": {"takes": False, "http": 503},
    "hangs": {"takes": False, "after": 30, "http": 503},
    "forgets to answer": {"http": 500},
    "refuses": {"takes": False, "status": "refused"},
    "decides later": {"status": "pending", "later": [(2, "confirmed")]},
    "never decides": {"status": "pending"},
    "twice": {"later": [(0, "confirmed"), (0.2, "confirmed")]},
    "late": {"status": "pending", "later": [(70, "confirmed")]},
}
# Of mixed each request gets one of these, by chance; whether an appointment is refused is decided once.
MIXED = "mixed"
MIXTURE = ["answers"] * 4 + ["reserves", "slow", "down", "forgets to answer", "decides later", "twice", "never decides"]
REFUSED = 0.1  # of all, by mixed
LIVE = ("confirmed", "reserved", "pending")
MAX_CALLBACK_ATTEMPTS = 10


class StandIn(ThreadingHTTPServer):
    """The server at ``url``; ``say`` is called with a line for everything that happens.

    ``speed`` divides all its times. ``faults`` has what must never happen: requests it could not verify, and
    two bookings at one clinician's time.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, secret, port=0, behaviour="answers", speed=1.0, say=lambda line: None):
        super().__init__(("127.0.0.1", port), Requests)
        self.secret, self.behaviour, self.speed, self.say = secret, behaviour, speed, say
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.bookings, self.forgotten, self.faults, self.lock = {}, [], [], threading.Lock()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """The caller did not wait: that is its right."""

    def live(self):
        """Return the bookings that it has, by id."""
        with self.lock:
            return {id: dict(booking) for id, booking in self.bookings.items() if booking["status"] in LIVE}

    def put(self, id, wanted):
        """Have a booking as it is wanted and return (seconds, HTTP status, content) of the answer."""
        how = self.how(id)
        with self.lock:
            booking = self.bookings.setdefault(id, {"status": "", "version": 0, "times_booked": 0})
            if wanted["version"] < booking["version"] or booking.get("cancelled_at", 0) >= wanted["version"]:
                return 0, 409, {"version": booking["version"]}
            if booking["status"] in LIVE:  # it has it already: asked again, or with another time
                if how.get("status") == "refused" and booking["start_time"] != wanted["start_time"]:
                    return 0, 200, {"status": "refused"}
                booking |= self.essence(wanted)
            elif how.get("takes", True):
                booking |= {**self.essence(wanted), "status": how.get("status", "confirmed")}
                booking["times_booked"] += 1
                self.look_for_overlap(id, booking)
                for after, status in how.get("later", []):
                    self.later(after, partial(self.decide, id, status, wanted["callback_url"], wanted["version"]))
            status = how.get("status", "confirmed") if booking["status"] not in LIVE else booking["status"]
        return how.get("after", 0), how.get("http", 200), {"status": status, "provider_id": f"UP-{id[:8]}"}

    def delete(self, id, wanted):
        """Have a booking no more and return the answer's (seconds, HTTP status, content)."""
        how = self.how(id)
        if how.get("http", 200) >= 500:
            return how.get("after", 0), how["http"], {}
        with self.lock:
            booking = self.bookings.setdefault(id, {"status": "", "version": 0, "times_booked": 0})
            if wanted["version"] < booking["version"]:
                return 0, 409, {"version": booking["version"]}
            was = booking["status"]
            booking |= {"status": "cancelled", "version": wanted["version"], "cancelled_at": wanted["version"]}
        return how.get("after", 0), 200 if was in LIVE else 404, {"status": "cancelled"}

    def how(self, id):
        if self.behaviour != MIXED:
            return BEHAVIOURS[self.behaviour]
        if random.Random(id).random() < REFUSED:  # noqa: S311
            return BEHAVIOURS["refuses"]
        return BEHAVIOURS[random.choice(MIXTURE)]  # noqa: S311

    def essence(self, wanted):
        return {name: wanted[name] for name in ("version", "start_time", "end_time")} | {
            "clinician": wanted["clinician"]["id"]
        }

    def look_for_overlap(self, id, booking):
        for other_id, other in self.bookings.items():
            if other_id == id or other["status"] not in LIVE or other["clinician"] != booking["clinician"]:
                continue
            if moment(other["start_time"]) < moment(booking["end_time"]) and moment(booking["start_time"]) < moment(
                other["end_time"]
            ):
                self.faults.append(f"{id} at the time of {other_id}")

    def later(self, after, do):
        timer = threading.Timer(after / self.speed, do)
        timer.daemon = True
        timer.start()

    def decide(self, id, status, callback_url, version):
        with self.lock:
            booking = self.bookings[id]
            if booking["status"] in LIVE:
                booking["status"] = status
        answer = {"appointment_id": id, "status": status, "version": version}
        for _ in range(MAX_CALLBACK_ATTEMPTS if callback_url else 0):
            if self.call_back(callback_url, answer) == 200:
                break
            time.sleep(1 / self.speed)

    def call_back(self, url, content, *, secret=None, at=None, message_id=None):
        """Send an answer by itself, signed, and return the HTTP status of what was answered; None if nothing was."""
        body = json.dumps(content).encode()
        headers = signatures.sign(
            [secret or self.secret], message_id=message_id or uuid4(), at=at or timezone.now(), body=body
        )
        request = Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310
        try:
            with urlopen(request, timeout=10) as response:  # noqa: S310
                status = response.status
        except HTTPError as error:
            status = error.code
        except URLError:
            status = None
        self.say(f"-> {content['status']} of {content['appointment_id']}: {status}")
        return status


def moment(text):
    return datetime.fromisoformat(text)


class Requests(BaseHTTPRequestHandler):
    """What arrives at a StandIn."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # who was sending it has died
            self.close_connection = True
            return
        after, status, content = self.route(body)
        time.sleep(after / self.server.speed)
        self.server.say(f"{self.command} {self.path}: {status} {content.get('status', '')} after {after} s")
        body = json.dumps(content).encode()
        with contextlib.suppress(OSError):  # nobody waits any more
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def route(self, body):
        server, (_, what, *rest) = self.server, self.path.split("/")
        if (self.command, what) == ("GET", "bookings"):
            return 0, 200, {"bookings": server.bookings, "faults": server.faults}
        if (self.command, what) == ("POST", "behaviour"):
            wanted, known = json.loads(body)["behaviour"], [*BEHAVIOURS, MIXED]
            if wanted not in known:
                return 0, 400, {"behaviours": known}
            server.behaviour = wanted
            return 0, 200, {"behaviour": wanted}
        if (self.command, what) == ("POST", "callback"):
            content = json.loads(body)
            return 0, 200, {"answered": server.call_back(content.pop("url"), content)}
        try:
            signatures.verify(server.secret, self.headers, body, timezone.now())
        except signatures.BadSignature:
            server.faults.append(f"{self.command} {self.path} without a good signature")
            return 0, 401, {}
        if self.command == "GET":
            return 0, server.how("").get("http", 200), {}
        wanted = json.loads(body)
        if (self.command, what, rest) == ("DELETE", "appointments", [wanted["id"], "attendee"]):
            server.forgotten.append(wanted["id"])
            return 0, 200, {}
        if what != "appointments" or rest != [wanted["id"]]:
            return 0, 404, {}
        return (server.put if self.command == "PUT" else server.delete)(wanted["id"], wanted)

    def log_message(self, *arguments):
        """Say nothing: ``say`` does."""


def main():
    """Stand in for the provider whose slug is named, beside the demo or with the settings of this environment."""
    parser = argparse.ArgumentParser(prog="python -m booking.dev.upstream", description=main.__doc__)
    parser.add_argument("provider", help="the slug of the provider it stands in for")
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--behaviour", choices=[*BEHAVIOURS, MIXED], default="answers")
    parser.add_argument("--speed", type=float, default=1.0, help="10: all its delays are a tenth")
    arguments = parser.parse_args()
    use_demo_environment()
    django.setup()
    from booking.integrations.approvers import list_remote_kinds
    from booking.models import Provider

    provider = Provider.objects.filter(slug=arguments.provider, kind__in=list_remote_kinds()).first()
    if provider is None:
        sys.exit(f"There is no provider {arguments.provider} that is another system. Add one in admin.")
    options = {"port": arguments.port, "behaviour": arguments.behaviour, "speed": arguments.speed}
    server = StandIn(secret=provider.secret, say=partial(print, flush=True), **options)
    print(f"{provider} is at {server.url} and {arguments.behaviour}.")
    if provider.url.rstrip("/") != server.url:
        print("The provider has another address: nobody will ask here.")
    print(
        f"PRIVATE_HOSTS must name {server.url.removeprefix('http://')}, because it is not on the public "
        f"internet, and SITE_URL this site, so that answers find their way.\n"
        f"""Change it: curl {server.url}/behaviour --data '{{"behaviour": "slow"}}'""",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def use_demo_environment():
    """Use the settings of the demo, where it runs or has run and this environment names no database."""
    if "DATABASE_URL" not in os.environ and ENVIRONMENT.exists():
        os.environ.update(json.loads(ENVIRONMENT.read_text()))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")
    main()
