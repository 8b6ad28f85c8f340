"""Arithmetic of half-open intervals: plain ``(start, end)`` pairs of anything ordered.

Wherever a list of intervals goes in or out it is sorted and its members neither overlap nor touch,
except for the argument of ``merge``, which makes it so.
"""

import sys
from array import array


def merge(intervals):
    """Return the same stretch of time as the fewest sorted intervals; empty ones vanish."""
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


def subtract(intervals, holes):
    """Return what is left of ``intervals`` without ``holes``, in one pass over both."""
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


def clip(intervals, start, end):
    """Return the part of ``intervals`` that lies in ``[start, end)``."""
    return [(max(a, start), min(b, end)) for a, b in intervals if a < end and b > start]


def pack(intervals):
    """Return intervals of whole numbers as bytes: 16 for each, as PostgreSQL's int8send writes their ends."""
    return _swapped(array("q", [end for interval in intervals for end in interval])).tobytes()


def unpack(packed):
    """Return the array [start, end, start, end, …] of the intervals in bytes that pack has made."""
    return _swapped(array("q", packed))


def pairs(numbers):
    """Return the intervals of an array that unpack has made."""
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _swapped(numbers):
    if sys.byteorder == "little":  # int8send writes the other end first
        numbers.byteswap()
    return numbers
