"""What a demo is asked for. Light on purpose: see `ops.demo.run`."""

from __future__ import annotations

from typing import NamedTuple


class Demo(NamedTuple):
    """What to play: `seconds` of every capture at `speed` (None: as fast as it goes)."""

    seconds: float
    speed: float | None = 1.0

    @property
    def trades(self) -> bool:
        return self.speed == 1.0
