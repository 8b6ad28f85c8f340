"""How often somebody may do something in a minute, counted exactly across processes in Redis."""

import time
from functools import cache
from typing import NamedTuple

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

WINDOW_SECONDS = 60
# Redis may be frozen or gone: one request waits for it this long at most, and the next ones do not ask for a while.
TIMEOUT_SECONDS = 0.5
BACKOFF_SECONDS = 5

# A fixed window that starts with its first request. A script is atomic, so the count is exact; and it returns
# the count and the reset together: one round trip for each request.
COUNT = """
    local used = redis.call("INCR", KEYS[1])
    if used == 1 then redis.call("EXPIRE", KEYS[1], ARGV[1]) end
    return {used, redis.call("TTL", KEYS[1])}
"""


class Usage(NamedTuple):
    """How much of a limit is used, this request included; ``resets_in`` is in seconds, ``policy`` the limit's name."""

    policy: str
    limit: int
    used: int
    resets_in: int

    @property
    def is_over(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """What answers say of it: how many requests there are in a minute, and how many are left."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={max(0, self.limit - self.used)};t={self.resets_in}',
        }


class Counter:
    """Counts in Redis. While Redis is away nothing is counted, and now and then one request asks whether it is back."""

    def __init__(self, url: str):
        self.redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self.script = self.redis.register_script(COUNT)
        self.ask_again_at = None

    def count(self, policy: str, whose: str, limit: int) -> Usage | None:
        """Return the Usage of a policy's limit by somebody, this request included, or None when Redis is away."""
        if self.ask_again_at is not None:
            if time.monotonic() < self.ask_again_at:
                return None
            self._leave_alone()  # this request asks; the others need not wait with it
        try:
            used, seconds = self.script([f"holdfast-limit:{policy} {whose}"], [WINDOW_SECONDS])
        except RedisError:
            self._leave_alone()
            return None
        self.ask_again_at = None
        # Redis rounds to seconds, and whoever waits that long must not be refused again.
        return Usage(policy, limit, used, min(WINDOW_SECONDS, seconds + 1))

    def _leave_alone(self):
        self.ask_again_at = time.monotonic() + BACKOFF_SECONDS


@cache
def counter() -> Counter:
    """Return this process's Counter."""
    return Counter(settings.REDIS_URL)
