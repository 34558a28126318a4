"""Ages in log time, whose clock may be set back."""

from __future__ import annotations

from typing import Final

STEP_BACK_MS: Final = 1_000
"""A clock that goes back further was set. Until it caught up nothing from before would grow old."""


def younger(at_ms: int, than_ms: int, now_ms: int) -> bool:
    """Whether `at_ms` is less than `than_ms` ago. One far ahead, of a clock set back, is not."""
    return -STEP_BACK_MS <= now_ms - at_ms < than_ms
