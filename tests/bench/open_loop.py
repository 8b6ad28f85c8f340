"""A process that sends requests at their time, whether the server answers or not: arrivals do not wait for each other.

It reads a plan from its standard input and writes what became of each request to its standard output, both as JSON.
Each request has a connection of its own, as a newcomer has.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
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


def send(port, arrivals, seconds, *, seed=1):
    """Send for so many seconds and return the Results, in order of their times."""
    plan = {"port": port, "seconds": seconds, "arrivals": arrivals, "seed": seed}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.open_loop"],
        input=json.dumps(plan).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return sorted((Result(*each) for each in json.loads(done.stdout)), key=lambda result: result.at)


async def run(plan):
    draw = random.Random(plan["seed"])
    due = []
    for kind, per_second, requests in plan["arrivals"]:
        at, n = draw.expovariate(per_second), 0
        while at < plan["seconds"]:
            due.append((at, kind, requests[n % len(requests)].encode()))
            at, n = at + draw.expovariate(per_second), n + 1
    started, tasks = time.perf_counter(), []
    for at, kind, request in sorted(due):
        await asyncio.sleep(max(0, at - (time.perf_counter() - started)))
        tasks.append(asyncio.create_task(ask(plan["port"], kind, at, started, request)))
    return await asyncio.gather(*tasks)


async def ask(port, kind, at, started, request):
    """Return a Result."""
    status, sent = 0, time.perf_counter()
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(GIVE_UP_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)  # it says Connection: close
            answer = await reader.read(-1)
            writer.close()
            status = int(answer[9:12])
    return Result(kind, at, sent - started - at, time.perf_counter() - sent, status)


def main():
    with suppress(PermissionError):
        os.nice(-10)  # what it measures is not to be its own waiting for a processor
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
