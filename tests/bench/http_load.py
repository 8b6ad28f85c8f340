"""Clients for the HTTP figures: persistent connections, one thread each."""

import http.client
import json
import threading
import time


class Client:
    """One persistent connection to a server."""

    def __init__(self, port, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Content-Type": "application/json", **(headers or {})}

    def ask(self, method, path, body=None):
        """Return ``(status, body as bytes)``."""
        self.connection.request(method, path, body and json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def in_parallel(tasks):
    """Run each function in its own thread, all started at once; return the seconds until the last ended.

    Raises what the first that failed has raised.
    """
    barrier, errors = threading.Barrier(len(tasks) + 1), []

    def run(task):
        barrier.wait()
        try:
            task()
        except Exception as error:  # noqa: BLE001 (raised below)
            errors.append(error)

    threads = [threading.Thread(target=run, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if errors:
        raise errors[0]
    return seconds
