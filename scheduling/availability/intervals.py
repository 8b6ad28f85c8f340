"""Arithmetic of half-open intervals: plain ``(start, end)`` pairs of instants.

Every list of intervals is sorted, and its members neither overlap nor touch; only ``merge`` takes others.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence

Interval = tuple[int, int]


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the fewest sorted intervals that cover the same time. Drops empty ones."""
    merged = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def subtract(intervals: Sequence[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """Return ``intervals`` without ``holes``, in one pass over both."""
    left = []
    at = 0
    for start, end in intervals:
        while at < len(holes) and holes[at][1] <= start:
            at += 1
        ahead = at
        while ahead < len(holes) and holes[ahead][0] < end:
            hole_start, hole_end = holes[ahead]
            if start < hole_start:
                left.append((start, hole_start))
            start = max(start, hole_end)
            ahead += 1
        if start < end:
            left.append((start, end))
    return left


def clip(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    """Return the part of ``intervals`` that lies in ``[start, end)``."""
    return [(max(a, start), min(b, end)) for a, b in intervals if a < end and b > start]


def pack(intervals: Iterable[Interval]) -> bytes:
    """Return intervals as bytes, 16 for each: start and end as PostgreSQL's int8send writes them."""
    return _swapped(array("q", [end for interval in intervals for end in interval])).tobytes()


def unpack(packed: bytes) -> array:
    """Return packed intervals as an array [start, end, start, end, …]."""
    return _swapped(array("q", packed))


def pairs(numbers: array) -> list[Interval]:
    """Return the intervals in an array that unpack has returned."""
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _swapped(numbers):
    if sys.byteorder == "little":  # int8send is big-endian
        numbers.byteswap()
    return numbers
