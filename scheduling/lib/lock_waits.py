"""How long those who take time wait for a clinician's lock, for Prometheus."""

from prometheus_client import Histogram

# PostgreSQL measures it in the statement of the lock. Who gives up at lock_timeout is refused as busy and not in here.
LOCK_SECONDS = Histogram(
    "holdfast_clinician_lock_seconds",
    "Time that a clinician's lock was waited for until it was had.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
