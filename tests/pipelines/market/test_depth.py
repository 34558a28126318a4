"""Depth chains: they begin with a snapshot, and begin again with one after a gap."""

from __future__ import annotations

import pytest

from pipelines.market.settings import DEFAULTS
from tests.pipelines.market.script import play

CASES = [
    ("Ad1-2 Ad3-4", "", "deltas wait for a snapshot"),
    ("As4 Ad5-6 Ad7-9", "s4 d5-6 d7-9", "snapshot, then deltas"),
    ("Ad1-2 Ad3-4 As2 Ad5-6", "s2 d3-4 d5-6", "a snapshot older than the newest delta"),
    ("Ad1-2 Ad3-4 As9 Ad5-9 Ad10-11", "s9 d10-11", "deltas before the snapshot are in it"),
    ("Ad1-4 As2 Ad5-6", "s2 d1-4 d5-6", "the first delta may overlap the snapshot"),
    ("Ad5-6 As2 As5 Ad7-8", "s5 d5-6 d7-8", "a snapshot too old to bridge is left out"),
    ("As4 Ad7-8 As8 Ad9-9", "s4 gap5-7 s8 ok:GAP d9-9", "after a gap the next snapshot bridges"),
    ("As4 Ad7-8 Ad9-9 As7", "s4 gap5-7 s7 ok:GAP d7-8 d9-9", "with what came in between"),
    ("As4 Ad7-8 Ad9-9 Ad10-12", "s4 gap5-7", "after a gap nothing without a snapshot"),
    ("As4 Ad5-6 Ad9-9 As7 As9", "s4 d5-6 gap7-9 s9 ok:GAP", "still too old after a gap"),
    ("As4 Ad5-6 As6 Ad7-8", "s4 d5-6 s6 d7-8", "a snapshot that restates is passed on"),
    ("As4 Ad5-6 As5 Ad7-8", "s4 d5-6 d7-8", "one that goes back is not"),
    ("As4 As9 Ad8-10", "s4 s9 d8-10", "a snapshot ahead of the chain takes over"),
    ("As4 Bs4 Ad5-6 Bd5-6 Bd7-8 Ad7-8", "s4 d5-6 d7-8", "two lines"),
    ("As4 Ad5-6 Bs4 Bd5-6 Bd7-8", "s4 d5-6 d7-8", "a line joins late, with its own snapshot"),
    ("As4 Ad5-6 Bd5-6 Ad9-9 Bd7-8 Bd9-9", "s4 d5-6 d7-8 A>B:GAP d9-9", "one line fills the other"),
    ("As4 Ad5-6 Bd5-6 Ad9-9 Bd9-9", "s4 d5-6 gap7-9", "both lost the same"),
    ("As4 Ad5-6 Bd5-6 Ad7-8 Bd7-8!", "s4 d5-6 d7-8 div8:A/B", "other levels under one id"),
    ("As4 Ad5-6 Bd5-8", "s4 d5-6 d5-8", "lines cut differently: levels are absolute"),
    ("Ad9-8", "dead:WRONG_TYPE", "an update that ends before it begins"),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*c[:2], id=c[2]) for c in CASES])
def test_depth(text: str, expected: str) -> None:
    assert play(text) == expected


def test_what_waits_for_a_snapshot_is_bounded() -> None:
    """The oldest deltas go first; a snapshot that bridges to the rest still serves."""
    text = "Ad1-1 Ad2-2 Ad3-3 Ad4-4 As1 As2"
    assert play(text, DEFAULTS._replace(held_max=2)) == "s2 d3-3 d4-4"
