"""A process that sends requests at their time, whether the server answers or not: arrivals do not wait for each other.

It reads a plan from its standard input and writes what became of each request to its standard output, both as JSON.
Each request has a connection of its own, as a newcomer has. It asks the system itself, as the streams of asyncio took
four times the processor's time, which the server was to have.
"""

import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

GIVE_UP_SECONDS = 10


class Result(NamedTuple):
    """``status`` is 0 if there was no answer; ``at`` is when it was due, in seconds from the start of its phase.

    ``late`` is how much later this process came to send it, which is its own fault; ``seconds`` count from then.
    """

    kind: str
    at: float
    late: float
    seconds: float
    status: int


class Arrivals(NamedTuple):
    """Requests of a kind at a rate, each of ``requests`` in turn; a kind whose requests must differ has enough."""

    kind: str
    per_second: float
    requests: list


class Sent(NamedTuple):
    """The Results of a spell, in order of their times, and for how long sending them kept a processor busy."""

    results: list[Result]
    processor_seconds: float


def send(port, arrivals, seconds, *, seed=1):
    """Send for so many seconds and return what was Sent."""
    plan = {"port": port, "seconds": seconds, "arrivals": arrivals, "seed": seed}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.open_loop"],
        input=json.dumps(plan).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout)
    return Sent(sorted((Result(*each) for each in found[0]), key=lambda result: result.at), found[1])


class Request:
    """One that is on its way."""

    def __init__(self, kind, at, text, started):
        self.kind, self.at, self.text = kind, at, text
        self.sent = time.perf_counter()
        self.late = self.sent - started - at
        self.status, self.is_answered = b"", False
        self.sock = socket.socket()
        self.sock.setblocking(False)

    def go_on(self):
        """Send it or read of its answer, and return whether that is all."""
        try:
            if self.text:
                self.sock.sendall(self.text)  # less than a socket's buffer
                self.text = b""
                return False
            while data := self.sock.recv(65_536):
                self.status = self.status or data[9:12]
        except BlockingIOError:
            return False
        except OSError:
            return True
        self.is_answered = True
        return True

    def is_given_up(self):
        return time.perf_counter() - self.sent > GIVE_UP_SECONDS

    def end(self):
        """Return the Result."""
        self.sock.close()
        status = int(self.status or 0) if self.is_answered else 0
        return Result(self.kind, self.at, self.late, time.perf_counter() - self.sent, status)


def run(plan):
    """Send what is planned and return the Results."""
    due = list_due(plan)
    poller, on_their_way, results = select.epoll(), {}, []
    started = time.perf_counter()
    while due or on_their_way:
        now = time.perf_counter() - started
        while due and due[0][0] <= now:
            at, kind, text = due.popleft()
            request = Request(kind, at, text, started)
            request.sock.connect_ex(("127.0.0.1", plan["port"]))
            on_their_way[request.sock.fileno()] = request
            poller.register(request.sock, select.EPOLLOUT)
        for number, _ in poller.poll(min(1, max(0, due[0][0] - now)) if due else 1):
            request = on_their_way[number]
            if request.go_on():
                del on_their_way[number]
                results.append(request.end())
            else:
                poller.modify(number, select.EPOLLIN)
        while on_their_way and (oldest := next(iter(on_their_way.values()))).is_given_up():
            del on_their_way[oldest.sock.fileno()]
            results.append(oldest.end())
    return results


def list_due(plan):
    """Return when which kind of request is due, and its text, in order."""
    draw, due = random.Random(plan["seed"]), []
    for kind, per_second, requests in plan["arrivals"]:
        at, n = draw.expovariate(per_second), 0
        while at < plan["seconds"]:
            due.append((at, kind, requests[n % len(requests)].encode()))
            at, n = at + draw.expovariate(per_second), n + 1
    return deque(sorted(due))


def main():
    with suppress(PermissionError):
        os.nice(-10)  # what it measures is not to be its own waiting for a processor
    plan, before = json.load(sys.stdin), time.process_time()
    results = run(plan)
    print(json.dumps([results, time.process_time() - before]))


if __name__ == "__main__":
    main()
