"""One run: clients and the nemesis against an installation, then the verdict on what they have left."""

import random
import time
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from tests.proof.check_messages import check_messages
from tests.proof.checker import NAMES, check
from tests.proof.clients import Client
from tests.proof.history import History, read_history, read_rows, write_rows
from tests.proof.installation import Installation
from tests.proof.nemesis import FAULTS, Nemesis
from tests.proof.tables import write_everything

CLIENTS = 32
TELL_INTERVAL = 10  # seconds
DRAIN = 180  # seconds: what failed twice waits for half a minute


class Result(NamedTuple):
    requests: int
    outcomes: Counter  # by verb and outcome
    statuses: Counter  # of answers without a verdict
    retries: int
    twice: dict  # how many mails and webhooks came more than once
    faults: Counter
    seconds: float
    pause: float  # the longest time without any acknowledgement
    violations: dict


def run(
    folder,
    cluster,
    clinic,
    *,
    name,
    requests,
    seed,
    report_progress,
    faults=FAULTS,
    seconds=(0.5, 3),
    rounds=None,
    crowding=0.3,
    sql="",
    application=None,
    with_workers=True,
):
    """Do a run in a database called ``name``, and return its Result.

    Clients send so many ``requests``, and with ``rounds`` go on until each fault was done so many times.
    """
    started_at = time.monotonic()
    folder = folder / name
    with Installation(folder, cluster, name, application=application, with_workers=with_workers) as installation:
        if sql:
            installation.ask(sql)
        history = installation.history = History(folder / "history.jsonl")
        nemesis = Nemesis(installation, seed=seed, seconds=seconds, faults=faults, rounds=rounds)
        shared = {
            "clinic": clinic,
            "history": history,
            "port": cluster.links.ports["web"],
            "budget": requests // CLIENTS,
            "seed": seed,
            "crowding": crowding,
            "is_wanted": nemesis.is_alive if rounds else lambda: False,
        }
        clients = [Client(number, **shared) for number in range(CLIENTS)]
        for thread in [nemesis, *clients]:
            thread.start()
        wait_until_done(clients, nemesis, history, requests, report_progress)
        nemesis.stop()
        history.close()
        report_progress(f"  {history.completed:,} requests answered or given up; waiting for mails and webhooks")
        unsent = installation.drain(timeout=DRAIN) if with_workers else 0
        write_rows(folder / "faults.jsonl", nemesis.log)
        write_everything(folder, installation)
    violations = check(folder)
    if unsent:
        violations[NAMES[check_messages]].append(f"{unsent} messages were never sent")
    return sum_up(folder, nemesis.done, time.monotonic() - started_at, violations)


def wait_until_done(clients, nemesis, history, requests, report_progress):
    """Return when all clients are done, telling how far they are."""
    told_at = time.monotonic()
    for client in clients:
        while client.is_alive():
            client.join(0.2)
            if nemesis.error:
                raise nemesis.error
            if time.monotonic() - told_at > TELL_INTERVAL:
                told_at = time.monotonic()
                report_progress(f"  {history.completed:,} of {requests:,} requests, {nemesis.done.total()} faults")
    for client in clients:
        if client.error:
            raise client.error


def sum_up(folder, faults, seconds, violations):
    history = read_history(folder / "history.jsonl")
    seen, retries = set(), 0
    for request in history:
        retries += (request["verb"], request["key"]) in seen
        seen.add((request["verb"], request["key"]))
    acknowledged = sorted(request["until"] for request in history if request["outcome"] == "ok")
    return Result(
        requests=len(history),
        outcomes=Counter((request["verb"], request["outcome"]) for request in history),
        statuses=Counter(request["status"] for request in history if request["outcome"] == "unknown"),
        retries=retries,
        twice={name: count_repeated(folder / f"{name}.jsonl") for name in ("mails", "deliveries")},
        faults=faults,
        seconds=seconds,
        pause=max((after - before for before, after in pairwise(acknowledged)), default=0),
        violations=violations,
    )


def count_repeated(path):
    return sum(number - 1 for number in Counter(row["id"] for row in read_rows(path)).values())


def run_control(folder, cluster, clinic, control, *, number, requests, seed, report_progress, crowding=0.6):
    """Do the run of a negative control: everybody wants the same times, and few faults are done."""
    result = run(
        folder,
        cluster,
        clinic,
        name=f"control_{number}",
        requests=requests,
        seed=seed,
        report_progress=report_progress,
        faults=control.faults,
        seconds=(0.5, 1),
        rounds=1,
        crowding=crowding,
        sql=control.sql,
        application=control.application,
        with_workers=control.with_workers,
    )
    found = result.violations[control.breaks]
    report_progress(f"  found {len(found)}, such as: {random.Random(seed).choice(found) if found else 'nothing'}")
    return result
