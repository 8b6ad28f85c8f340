"""Results that several requests of a process share for a moment."""

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")
NEVER = float("-inf")


class RecentResults(Generic[T]):
    """What was computed for a key, at most ``max_age`` seconds ago; the ``max_size`` keys last added are kept.

    One thread at a time computes for a key. The others get the previous result, and wait only if there is none.
    """

    def __init__(self, *, max_age: float, max_size: int = 1):
        self.max_age, self.max_size = max_age, max_size
        self.results: dict[Hashable, _Result[T]] = {}
        self.adding = Lock()

    def get(self, compute: Callable[[], T], key: Hashable = None) -> T:
        """Return the recent result of ``compute()`` for ``key``."""
        result = self.results.get(key) or self._add(key)
        if monotonic() - result.computed_at > self.max_age and result.lock.acquire(blocking=not result.is_computed):
            try:
                if monotonic() - result.computed_at > self.max_age:  # nobody has while this thread waited
                    result.value, result.computed_at = compute(), monotonic()
            finally:
                result.lock.release()
        return result.value

    def get_fresh(self, key: Hashable = None) -> T | None:
        """Return the recent result for ``key``, or None if it would have to be computed."""
        result = self.results.get(key)
        return result.value if result and monotonic() - result.computed_at <= self.max_age else None

    def get_last(self, key: Hashable = None) -> T | None:
        """Return the last result for ``key``, however old, or None if there is none."""
        result = self.results.get(key)
        return result.value if result and result.is_computed else None

    def forget(self) -> None:
        """Compute everything anew."""
        self.results = {}

    def _add(self, key):
        with self.adding:
            result = self.results.setdefault(key, _Result())
            if len(self.results) > self.max_size:
                del self.results[next(iter(self.results))]
            return result


class _Result(Generic[T]):
    value: T

    def __init__(self):
        self.lock, self.computed_at = Lock(), NEVER

    @property
    def is_computed(self):
        return self.computed_at > NEVER
