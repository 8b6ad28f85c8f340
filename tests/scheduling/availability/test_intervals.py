"""Intervals against the simplest model there is: the set of minutes they cover."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scheduling.availability.intervals import clip, merge, pack, pairs, subtract, unpack

moments = st.integers(0, 40)
anything = st.lists(st.tuples(moments, moments))
sorted_intervals = anything.map(merge)
RANGES = [(start, end) for start in range(41) for end in range(start + 1, 41)]


def minutes(intervals):
    return {minute for start, end in intervals for minute in range(start, end)}


def is_tidy(intervals):
    """No interval is empty, and between each and the next is a gap."""
    edges = [edge for interval in intervals for edge in interval]
    return all(earlier < later for earlier, later in pairwise(edges))


def test_merge_joins_overlapping_and_touching_intervals():
    assert merge([(5, 8), (1, 3), (3, 4), (6, 7)]) == [(1, 4), (5, 8)]


def test_merge_drops_empty_and_reversed_intervals():
    assert merge([(3, 3), (9, 2)]) == []


def test_subtract_cuts_holes_and_edges():
    assert subtract([(0, 10), (20, 30)], [(2, 3), (8, 22), (30, 40)]) == [(0, 2), (3, 8), (22, 30)]


def test_subtract_hole_may_cover_several_intervals():
    assert subtract([(1, 2), (3, 4), (5, 9)], [(0, 6)]) == [(6, 9)]


def test_clip_keeps_intervals_inside_range():
    assert clip([(0, 4), (6, 8), (9, 20)], 3, 10) == [(3, 4), (6, 8), (9, 10)]


@given(anything)
def test_merge_covers_the_same_minutes(intervals):
    assert minutes(merge(intervals)) == minutes(intervals)


@given(anything)
def test_merge_leaves_gaps_between_what_it_returns(intervals):
    assert is_tidy(merge(intervals))


@given(sorted_intervals, sorted_intervals)
def test_subtract_leaves_the_minutes_outside_the_holes(intervals, holes):
    left = subtract(intervals, holes)

    assert minutes(left) == minutes(intervals) - minutes(holes)
    assert is_tidy(left)


@given(sorted_intervals, st.sampled_from(RANGES))
def test_clip_leaves_the_minutes_of_the_range(intervals, bounds):
    start, end = bounds
    clipped = clip(intervals, start, end)

    assert minutes(clipped) == minutes(intervals) & set(range(start, end))
    assert is_tidy(clipped)


def test_packed_intervals_equal_postgresqls_output():
    assert pack([(1, 258)]) == b"\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1\2"


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))))
def test_packed_intervals_unpack_to_same_intervals(intervals):
    assert pairs(unpack(pack(intervals))) == intervals


@given(st.lists(st.tuples(moments, moments).map(sorted).map(tuple)))
def test_starts_and_ends_sorted_by_themselves_cover_the_same_time(intervals):
    starts, ends = sorted(start for start, _ in intervals), sorted(end for _, end in intervals)

    assert merge(zip(starts, ends, strict=True)) == merge(intervals)
