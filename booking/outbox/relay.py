"""How a worker runs the outbox: a dispatcher claims what is due, threads do it, the dispatcher writes down how it went.

Each process of the worker has one Runner. It asks the database by itself: neither Redis nor beat is needed,
and a Celery task that takes long delays nothing. What a killed process was at is due again when its claims lapse.
"""

import logging
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from django.db import connections

from booking.outbox import queue
from booking.outbox.handlers import HANDLERS, attempt

logger = logging.getLogger(__name__)

POLL_INTERVAL = 0.5  # seconds between two looks at what is due
BUSY_PAUSE = 0.03  # and when it is busy, so that many messages are claimed and settled at once
THREADS = 128
# At one time in one process. An endpoint that answers soon is given more at once, one that fails fewer:
# so those that hang, however many messages wait for them, leave nearly all threads to the others.
MIN_ROOM, MAX_ROOM = 4, 32
SLOW_THRESHOLD = 1.0
FAMILY_ROOM = 8  # mail servers allow few connections, and each of these may use one of PostgreSQL's


class Runner:
    """Runs messages from start() to stop()."""

    def __init__(self):
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="outbox")
        self.dispatcher = threading.Thread(target=self._keep_going, name="outbox dispatcher", daemon=True)
        self.woken, self.stopping = threading.Event(), threading.Event()
        self.ended = SimpleQueue()
        # What follows is the dispatcher's alone.
        self.unsettled = []
        self.under_way = Counter()
        self.limits = defaultdict(lambda: MIN_ROOM) | dict.fromkeys(map(queue.get_family, HANDLERS), FAMILY_ROOM)

    def start(self):
        self.dispatcher.start()

    def stop(self, *, timeout):
        """Claim no more, and give what is under way so many seconds to end."""
        self.stopping.set()
        self.woken.set()
        if self.dispatcher.is_alive():
            self.dispatcher.join(timeout)

    def _keep_going(self):
        waits = False
        while not self.stopping.is_set() or self.under_way.total():
            self.woken.wait(POLL_INTERVAL)
            self.woken.clear()
            try:
                self._settle()
                if not self.stopping.is_set():
                    self._dispatch()
                waits = False
            except Exception as error:  # noqa: BLE001 the dispatcher goes on whatever happens, or nothing is sent any more
                # Most often the database is away. What is not settled stays on the list.
                if not waits:
                    logger.warning("the outbox waits for the database: %s", type(error).__name__)
                waits = True
                connections.close_all()
            self.stopping.wait(BUSY_PAUSE)
        connections.close_all()

    def _settle(self):
        while not self.ended.empty():
            outcome = self.ended.get()
            self.unsettled.append(outcome)
            name = queue.get_queue(outcome.message)
            self.under_way[name] -= 1
            if outcome.message.endpoint_id:
                self.limits[name] = self._room_after(outcome, self.limits[name])
        queue.settle(self.unsettled)
        self.unsettled = []

    def _room_after(self, outcome, room):
        if outcome.status != queue.Status.DONE:
            return MIN_ROOM
        return min(2 * room, MAX_ROOM) if outcome.seconds < SLOW_THRESHOLD else room

    def _dispatch(self):
        free = THREADS - self.under_way.total()
        if free == 0:
            return
        # Fewer than none where one that is given fewer now still has more under way.
        rooms = {name: max(0, self.limits[name] - self.under_way[name]) for name in {*self.limits, *self.under_way}}
        for message in queue.claim(kinds=HANDLERS, rooms=rooms, room=MIN_ROOM, limit=free):
            self.under_way[queue.get_queue(message)] += 1
            self.threads.submit(self._run, message)

    def _run(self, message):
        try:
            self.ended.put(attempt(message))
        finally:
            connections.close_all()  # this thread's
            self.woken.set()
