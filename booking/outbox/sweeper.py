"""What time does to bookings: holds run out, and appointments that nobody has acknowledged in time are cancelled.

Each process of the worker has one Sweeper, in a thread of its own. Neither Redis nor beat is needed, and several
at once do no harm: the verbs take the locks, and look again behind them.
"""

import logging
import threading

from django.db import connections

from booking.domain.expiry import cancel_unanswered, expire_stale_holds

logger = logging.getLogger(__name__)

POLL_INTERVAL = 5.0  # seconds


class Sweeper:
    """Sweeps from start() to stop()."""

    def __init__(self):
        self.thread = threading.Thread(target=self._keep_going, name="sweeper", daemon=True)
        self.stopping = threading.Event()

    def start(self):
        self.thread.start()

    def stop(self, *, timeout):
        """Give what is under way so many seconds to end. What is killed then is rolled back, and done by the next."""
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join(timeout)

    def _keep_going(self):
        failing = set()
        while not self.stopping.is_set():
            for sweep in (cancel_unanswered, expire_stale_holds):
                try:
                    sweep()
                    failing.discard(sweep)
                except Exception as error:  # noqa: BLE001 one that fails, most often without a database, is no end
                    if sweep not in failing:
                        logger.warning("%s failed, and is tried again: %s", sweep.__name__, type(error).__name__)
                    failing.add(sweep)
                    connections.close_all()
            self.stopping.wait(POLL_INTERVAL)
        connections.close_all()
