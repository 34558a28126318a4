"""Where files end does not depend on how many records come at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.archive.cutting import Cutter
from replay.archive.layout import FILE_OFFSETS
from tests.replay.archive.rig import DAY_MS

STAMPS = st.lists(st.sampled_from([-1, 0, 1, DAY_MS - 1, DAY_MS, DAY_MS + 1, 3 * DAY_MS]))


def cut(offsets: list[int], stamps: list[int], together: int) -> list[tuple[int, str, list[int]]]:
    """(start, day, offsets) of each file, the records coming `together` at a time."""
    cutter, held, files = Cutter(0, -1), list[int](), list[tuple[int, str, list[int]]]()
    for first in range(0, len(offsets), together):
        some, times, at = offsets[first : first + together], stamps[first : first + together], 0
        while at < len(some):
            stop = cutter.take(some, times, at)
            held += some[at:stop]
            at = stop
            if at < len(some):
                files.append((cutter.start, cutter.day, held))
                held = []
                cutter.begin(min(some[at], cutter.limit))
    return [*files, (cutter.start, cutter.day, held)]


@given(STAMPS, st.integers(1, 5), st.sampled_from([0, FILE_OFFSETS - 3]))
def test_how_many_come_together_decides_nothing(
    stamps: list[int], together: int, first: int
) -> None:
    offsets = [first + 2 * number for number in range(len(stamps))]
    whole = cut(offsets, stamps, len(stamps) + 1)
    assert cut(offsets, stamps, together) == whole
    assert [offset for _, _, held in whole for offset in held] == offsets


@pytest.mark.parametrize("together", [1, 2, 9])
def test_files_end_at_days_and_at_multiples(together: int) -> None:
    offsets = [0, 1, 2, FILE_OFFSETS - 1, FILE_OFFSETS + 5]
    stamps = [0, 5, DAY_MS, 7, DAY_MS + 7]
    assert cut(offsets, stamps, together) == [
        (0, "1970-01-01", [0, 1]),
        (2, "1970-01-02", [2, FILE_OFFSETS - 1]),
        (FILE_OFFSETS, "1970-01-02", [FILE_OFFSETS + 5]),
    ]


@pytest.mark.parametrize("stamp", [0, 1])
def test_what_is_said_before_the_first_input_begins_no_day(stamp: int) -> None:
    assert cut([0, 1], [stamp, DAY_MS], 1) == [(0, "1970-01-02", [0, 1])]
