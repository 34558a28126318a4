"""What no round may have met: counts that must be 0, and the line that says so at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.soak.pieces import PIECES
from tests.soak.state import State

ZERO: Final = (
    "lost",
    "duplicated",
    "different",
    "disordered",
    "too late",
    "not free and no alarm",
)


def breaches(state: State) -> list[str]:
    """One line for each count of the code as it is that must be 0 and is not, with its piece."""
    return [
        f"{piece.name}: {number:,} {word}"
        for piece in PIECES
        for word, number in totals(state.of(piece.name, piece.about).counts).items()
        if number
    ]


def uncounted(counts: Mapping[str, int]) -> list[str]:
    """What nobody looked for: that is no zero."""
    found = totals(counts)
    return [f"{word}: never counted" for word in ZERO if word not in found]


def totals(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts that must be 0, whoever counted: `too late` too is told with its scenario."""
    found: dict[str, int] = {}
    for name, number in counts.items():
        word = name.rpartition(": ")[2]
        if word in ZERO:
            found[word] = found.get(word, 0) + number
    return found


def said(counts: Mapping[str, int]) -> str:
    """The same in words."""
    return ", ".join(f"{number:,} {word}" for word, number in totals(counts).items())
