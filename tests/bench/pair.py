"""The pair of holding a time and confirming it: over HTTP beside its lower bounds, and in round trips.

Layer by layer, from bare statements to all that we do; in turns, so that all meet the same noise. What counts is the
ratio to the bare statements in the same turn.
"""

import json
import statistics
from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle, islice

from django.db import connection
from django.test import Client as InProcess

from patients.models import Patient
from tests.bench.clinic import make_clinic
from tests.bench.http_load import Client, in_parallel
from tests.bench.over_http import (
    API,
    LETTERS,
    alice,
    book,
    confirm,
    create_bench_key,
    find_openings,
    make_hold_body,
    place,
    server,
)
from tests.round_trips import list_round_trips

CLIENTS, PAIRS_EACH, TURNS = 8, 25, 7
CROWD = 100
GOALS = {"hold": 5, "confirm": 6}
LAYERS = ["middleware", "key", "view", "rows"]
LABELS = {
    "bare": "bare insert + update",
    "middleware": "behind our middleware",
    "key": "and the key, and its count in Redis",
    "view": "inside DRF's APIView",
    "rows": "all rows and checks, fewest trips",
    "known": "ours, a known patient by id",
    "ours": "ours, a new patient each time",
}


def print_pair():
    """Print the pairs a second of each layer, the crowd that wants one time, and the round trips."""
    service = make_clinic(clinicians=200, slots=10_000)
    key, openings = create_bench_key(), find_openings(service)
    in_process = InProcess(headers=key)
    print_round_trips(service, in_process, openings)
    with ExitStack() as stack:
        ports = {"bare": stack.enter_context(server("tests.bench.floor_wsgi"))}
        layers = stack.enter_context(server("tests.bench.layers_wsgi"))
        ports |= dict.fromkeys(LAYERS, layers)
        ports |= dict.fromkeys(("known", "ours"), stack.enter_context(server("booking.wsgi")))
        print_layers(service, ports, key, openings)
        print_crowd(service, ports, key, openings)


def print_round_trips(service, client, openings):
    """Print how often a hold and its confirmation wait for PostgreSQL, in this process."""
    print("Round trips to PostgreSQL, BEGIN and COMMIT included")
    for has_pooler in (False, True):
        with new_connection(has_pooler=has_pooler):
            # The first ones read the columns of types, and prepare.
            counts = [count_round_trips(client, service, opening) for opening in islice(openings, 6)][-1]
        print(f"  {'behind a pooler' if has_pooler else 'without a pooler':<36}", end="")
        print("   ".join(f"{verb} {number} (goal {GOALS[verb]})" for verb, number in counts.items()))


@contextmanager
def new_connection(*, has_pooler):
    """Have this process connect anew inside, as DATABASE_POOLER has it."""
    settings, options = connection.settings_dict, connection.settings_dict["OPTIONS"]
    connection.close()
    if has_pooler:
        settings["OPTIONS"] = options | {"server_side_binding": False, "prepare_threshold": None}
    try:
        yield
    finally:
        connection.close()
        settings["OPTIONS"] = options


def count_round_trips(client, service, opening):
    """Hold and confirm an opening; return the round trips of both."""
    json_over_https = {"content_type": "application/json", "secure": True}
    with list_round_trips() as of_hold:
        answer = client.post(f"{API}/holds", make_hold_body(service, opening), **json_over_https)
        assert answer.status_code == 201, answer.content
    path = f"{API}/holds/{answer.json()['data']['id']}/confirm"
    with list_round_trips() as of_confirm:
        answer = client.post(path, {"patient": alice(opening)}, **json_over_https)
        assert answer.status_code == 201, answer.content
    return {"hold": len(of_hold), "confirm": len(of_confirm)}


def print_layers(service, ports, key, openings):
    """Print the median pairs a second of each layer, and the ratio to the bare statements of the same turn."""
    patients = cycle(create_patients())
    rates = {name: [] for name in ports}
    for _ in range(TURNS):
        for name, port in ports.items():
            clients = [Client(port, key) for _ in range(CLIENTS)]
            tasks = [partial(pair_of(name, patients), client, service, take(openings)) for client in clients]
            rates[name].append(CLIENTS * PAIRS_EACH / in_parallel(tasks))
    print(
        f"\nHold and confirm over HTTP: two workers, {CLIENTS} clients, {TURNS} turns of {CLIENTS * PAIRS_EACH} pairs"
    )
    for name, found in rates.items():
        ratio = statistics.median(rate / bare for rate, bare in zip(found, rates["bare"], strict=True))
        print(f"  {LABELS[name]:<36} {statistics.median(found):6.0f} pairs/s   {ratio:5.2f} of the bare ones")
    ratio = statistics.median(ours / rows for ours, rows in zip(rates["ours"], rates["rows"], strict=True))
    print(f"  ours, of all rows and checks in the fewest trips   {ratio:5.2f} (goal 0.85)")


def create_patients():
    """Save as many patients as one turn has pairs, and return their ids."""
    people = [
        Patient(first_name="Bea", last_name=f"Baker {str(n).translate(LETTERS)}", date_of_birth="1985-04-12")
        for n in range(CLIENTS * PAIRS_EACH)
    ]
    for person in people:
        person.save()
    return [str(person.pk) for person in people]


def take(openings):
    return list(islice(openings, PAIRS_EACH))


def pair_of(name, patients):
    """Return the function that books openings at a layer."""
    if name == "ours":
        return book
    if name == "known":
        return partial(book_known, patients=patients)
    return partial(book_bare, prefix="" if name == "bare" else f"/api/v1/{name}")


def book_known(client, service, openings, *, patients):
    """Book openings, each for another of the patients: nobody is at two places at once."""
    for opening in openings:
        confirm(client, place(client, service, opening), {"patient_id": next(patients)})


def book_bare(client, service, openings, *, prefix):
    """Book openings at the bare views, or at a layer around them."""
    for opening in openings:
        body = make_hold_body(service, opening) | {"end_time": opening.ends_at.isoformat()}
        status, answer = client.ask("POST", f"{prefix}/place", body)
        assert status in (200, 201), answer
        id = json.loads(answer)["id"]
        status, answer = client.ask("POST", f"{prefix}/confirm/{id}", {"patient": alice(opening)})
        assert status in (200, 201), answer


def print_crowd(service, ports, key, openings):
    """Print how long a hundred clients race for one time, at the bare insert and at ours, in turns."""
    times, refusals = {"bare": [], "ours": []}, Counter()
    for _ in range(TURNS):
        for name, found in times.items():
            path = "/place" if name == "bare" else f"{API}/holds"
            seconds, statuses = race(ports[name], path, key, service, next(openings))
            found.append(seconds * 1000)
            assert sum(status < 300 for status in statuses) == 1, Counter(statuses)
            refusals.update(status for status in statuses if name == "ours" and status >= 300)
    print(f"\n{CROWD} clients, one time: one winner in each of {TURNS} turns; refused by ours: {dict(refusals)}")
    for name, found in times.items():
        print(f"  {LABELS[name].split(',')[0]:<36} {statistics.median(found):6.0f} ms")
    ratio = statistics.median(ours / bare for ours, bare in zip(times["ours"], times["bare"], strict=True))
    print(f"  {'ours, of the bare one':<36} {ratio:6.1f} (goal: 4 at most)")


def race(port, path, key, service, opening):
    """Return how long all of a crowd needed to ask for one opening, and the statuses of the answers."""
    statuses = []
    body = make_hold_body(service, opening) | ({"end_time": opening.ends_at.isoformat()} if path == "/place" else {})

    def want():
        statuses.append(Client(port, key).ask("POST", path, body)[0])

    return in_parallel([want] * CROWD), statuses
