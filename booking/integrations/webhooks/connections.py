"""How many of PostgreSQL's connections the deliveries may have."""

from contextlib import contextmanager
from threading import BoundedSemaphore

from django.db import connection

# At one time in one process, however many deliveries are under way there. With those of the other families
# (three of runner.OF_A_FAMILY) and one each for the clerk, the sweeper and Celery's task, a process of the worker
# has at most 35; PostgreSQL allows 100 unless it is told otherwise.
MAX_CONNECTIONS = 8
CONNECTIONS = BoundedSemaphore(MAX_CONNECTIONS)


@contextmanager
def connected():
    """Ask the database within this block; with its end the connection has gone: a receiver may take long to answer."""
    with CONNECTIONS:
        try:
            yield
        finally:
            if not connection.in_atomic_block:  # of a caller, who goes on
                connection.close()
