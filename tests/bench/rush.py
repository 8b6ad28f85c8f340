"""A rush: requests arrive at eight times the rate that is answered, and nobody waits for an answer before the next."""

import json
import os
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta
from itertools import count
from statistics import quantiles
from uuid import uuid4

import psutil
from django.utils import timezone

from tests.bench.clinic import make_clinic
from tests.bench.http_load import Client, in_parallel
from tests.bench.open_loop import Arrivals, send
from tests.bench.over_http import API, alice, create_bench_key, find_openings, place, server

TIMES = 8
SECONDS = int(os.environ.get("RUSH_SECONDS", "60"))
CALM_SECONDS, RECOVERY_SECONDS = 10, 15
CALM_SHARE, FULL_SHARE = 0.5, 1  # of the capacity
HOLDERS_SHARE = 0.1
CLIENTS = 16


def print_rush():
    """Print how a rush is answered, and those who are let in beside the calm before it, and beside all it can do."""
    service = make_clinic(clinicians=50, slots=10_000)
    with server("booking.wsgi") as port:
        crowd = Crowd(service, create_bench_key(), port)
        capacity = crowd.measure_capacity()
        print(f"  capacity: {capacity:.0f} requests/s (days looked at by {CLIENTS} clients, two workers)")
        print(f"  arrivals: {TIMES} x as many for {SECONDS} s, and {HOLDERS_SHARE:.0%} of the capacity confirm holds")
        # All hold before the first arrives: behind the rush a hold would be refused.
        spells = [
            (CALM_SHARE, CALM_SECONDS),
            (FULL_SHARE, CALM_SECONDS),
            (TIMES, SECONDS),
            (CALM_SHARE, RECOVERY_SECONDS),
        ]
        planned = [crowd.plan(capacity * share, capacity * HOLDERS_SHARE, seconds) for share, seconds in spells]
        calm, full, rush, after = [
            send_and_show(port, arrivals, spell) for arrivals, spell in zip(planned, spells, strict=True)
        ]
    show(calm, full, rush, after)


def send_and_show(port, arrivals, spell):
    """Send a spell's arrivals, show who kept the processors busy, and return the Results."""
    share, seconds = spell
    before = count_processor_seconds()
    sent = send(port, arrivals, seconds)
    used = defaultdict(float)
    for (name, pid), number in count_processor_seconds().items():  # of one that has ended since nothing is known
        used[name] += number - before.get((name, pid), 0.0)
    shown = ", ".join(f"{name} {number / seconds:.2f}" for name, number in sorted(used.items()))
    print(f"  processors, at {share:>3} x: sender {sent.processor_seconds / seconds:.2f}, {shown}")
    return sent.results


def count_processor_seconds():
    """Return how long each of the servers' processes, by name and id, has kept a processor busy."""
    seconds = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            seconds[process.name(), process.pid] = used.user + used.system
    return seconds


class Crowd:
    """Requests of people who look at days, and of people who confirm what they hold."""

    def __init__(self, service, headers, port):
        self.service, self.headers, self.port = service, headers, port
        self.openings, now = find_openings(service), timezone.now()
        clinicians = [str(pk) for pk in service.clinicians.values_list("pk", flat=True)]
        day = next(day for day in (now.date() + timedelta(days=n) for n in range(5, 9)) if day.weekday() < 5)
        self.looks = [
            f"{API}/availability?appointment_type_id={service.pk}&clinician_id={pk}&start_date={day}&end_date={day}"
            for pk in clinicians
        ]

    def measure_capacity(self):
        """Return how many looks are answered in a second when clients ask one after the other."""
        numbers, each = count(), 60
        paths = self.looks

        def look():
            client = Client(self.port, self.headers)
            for _ in range(each):
                status, _body = client.ask("GET", paths[next(numbers) % len(paths)])
                assert status == 200, status

        look()  # imports, and connections
        in_parallel([look] * CLIENTS)
        return CLIENTS * each / in_parallel([look] * CLIENTS)

    def plan(self, looks, confirmations, seconds):
        """Return the Arrivals of so many a second."""
        return [
            Arrivals("look", looks, [self.write("GET", path) for path in self.looks]),
            Arrivals("confirm", confirmations, self.hold(int(confirmations * seconds * 1.3) + 10)),
        ]

    def hold(self, number):
        """Return requests that confirm so many new holds."""
        client, requests = Client(self.port, self.headers), []
        for _ in range(number):
            opening = next(self.openings)
            path = f"{API}/holds/{place(client, self.service, opening)}/confirm"
            requests.append(self.write("POST", path, json.dumps({"patient": alice(opening)})))
        return requests

    def write(self, method, path, body=""):
        headers = self.headers | {"Connection": "close", "X-Request-Id": uuid4().hex}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", body])


def show(calm, full, rush, after):
    refused = [result for result in rush if result.status == 503]
    print(f"  let in                        {count_let_in(rush, 'look') / SECONDS:8.0f} looks/s")
    print(f"  refused with 503              {len(refused) / len(rush):8.1%}")
    print(f"  without an answer, or another {sum(is_odd(result) for result in rush):8}")
    print(f"  time to a 503                 {describe(refused)}")
    print(f"  and in the first three seconds{describe([each for each in refused if each.at < 3])}")
    for kind in ("look", "confirm"):
        for name, results in (("calm", calm), ("at the capacity", full), ("in the rush", rush)):
            let_in = [each for each in results if each.kind == kind and is_let_in(each)]
            refused = sum(each.kind == kind and each.status == 503 for each in results)
            print(f"  {kind + ', ' + name:<30}{describe(let_in)}   {len(let_in)} let in, {refused} refused")
    late = quantiles([each.late * 1000 for each in rush], n=100)[98]
    print(f"  sent later than due, p99      {late:8.0f} ms   (by the sender, which shares the processors)")
    print(f"  calm again after              {get_recovery(calm, after):8} s")
    last = max((each.at for each in after if each.status == 503), default=0)
    print(f"  the last refusal after        {last:8.1f} s")


def is_let_in(result):
    return 200 <= result.status < 300


def is_odd(result):
    return result.status != 503 and not is_let_in(result)


def count_let_in(results, kind):
    return sum(each.kind == kind and is_let_in(each) for each in results)


def describe(results):
    if len(results) < 2:
        return "       –"
    percentiles = quantiles([each.seconds * 1000 for each in results], n=100)
    return f"p50 {percentiles[49]:6.0f} ms   p99 {percentiles[98]:6.0f} ms"


def get_recovery(calm, after):
    """Return after how many seconds it is calm: one in a hundred at most is refused, or slower than any before."""
    usual = max(each.seconds for each in calm)
    rough, all_of_it = Counter(), Counter(int(each.at) for each in after)
    for each in after:
        rough[int(each.at)] += not is_let_in(each) or each.seconds > usual
    return max((second + 1 for second, number in rough.items() if number > all_of_it[second] / 100), default=0)
