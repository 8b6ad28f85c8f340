"""A pytest plugin that starts PostgreSQL and Redis before Django reads its settings."""

import os
import re
from contextlib import ExitStack, suppress
from itertools import count

import pytest

from booking.dev.servers import BASE_DIR, FolderInUse, claim, servers

ENVIRONMENT = {
    "DEBUG": "True",
    "SECRET_KEY": "only for tests",
    "EMAIL_URL": "consolemail://",
    "CLINIC_NAME": "Harbour Clinic",
    # All tests come from one network.
    "PAGES_PER_NETWORK": "1000000",
    "SEARCHES_PER_NETWORK": "1000000",
}


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config):
    """Wrap the hook to run before pytest-django. Only the main process starts servers; xdist workers inherit them."""
    os.environ.update(ENVIRONMENT)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        stack = ExitStack()
        early_config.add_cleanup(stack.close)
        os.environ.update(start_servers(stack))
    else:
        # A database of Redis for each: what one test has many wait for is not for all the others. Redis has 16.
        os.environ["REDIS_URL"] = re.sub(r"/0$", f"/{int(worker[2:]) % 15 + 1}", os.environ["REDIS_URL"])
    return (yield)


def start_servers(stack):
    """Start servers in a folder of this run, beside a demo and other test runs."""
    for number in count(1):
        folder = BASE_DIR / ".data" / f"test-{number}"
        with suppress(FolderInUse):
            stack.enter_context(claim(folder))
            break
    return stack.enter_context(servers(folder, durable=False))
