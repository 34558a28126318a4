"""The named points of the protocol, where tests kill the process. The product passes `nothing`."""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "before-fence",
    "fenced",
    "history-read",
    "opening-sent",
    "opened",
    "epoch-cut",
    "reduced",
    "begun",
    "outputs-sent",
    "epoch-sent",
    "committed",
)
Point = Callable[[str], None]


def nothing(name: str) -> None:
    """No test is watching."""
