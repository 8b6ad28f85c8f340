"""The history of a run: what every client asked for and was answered, when, one line of JSON each.

A request is written down before it is sent, so that a history says what may have happened, too.
"""

import json
import threading
import time

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"


class History:
    """Writes a history to a file; clients share it."""

    def __init__(self, path):
        self.file, self.lock = path.open("w"), threading.Lock()
        self.count = self.completed = self.acknowledged = 0

    def invoke(self, **request):
        """Write down that a request is about to be sent, and return its number."""
        with self.lock:
            self.count += 1
            self._write({"invoke": self.count, "at": time.time(), **request})
            return self.count

    def complete(self, number, **outcome):
        """Write down what came of it: ``outcome`` is OK, REFUSED, or UNKNOWN where it may or may not have been done."""
        with self.lock:
            self.completed += 1
            self.acknowledged += outcome["outcome"] == OK
            self._write({"complete": number, "at": time.time(), **outcome})

    def _write(self, line):
        self.file.write(json.dumps(line) + "\n")

    def close(self):
        self.file.close()


def read_history(path):
    """Return the requests of a history as dicts, with what came of them; one without an answer is UNKNOWN."""
    requests = {}
    with path.open() as file:
        for line in map(json.loads, file):
            if number := line.pop("invoke", None):
                requests[number] = {**line, "outcome": UNKNOWN, "status": None, "answer": None, "until": float("inf")}
            else:
                number, at = line.pop("complete"), line.pop("at")
                requests[number] |= {**line, "until": at}
    return list(requests.values())


def write_rows(path, rows):
    """Write rows, which are dicts, to a file, one per line."""
    with path.open("w") as file:
        for row in rows:
            file.write(json.dumps(row, default=str) + "\n")


def read_rows(path):
    with path.open() as file:
        return [json.loads(line) for line in file]
