"""How far the archive is behind the log, as `tape archive --follow` knows it.

All that was on the log when the last round without a remainder began is archived. So its age bounds
what would be lost with the log; it also grows while rounds fail, hang or wait for a broker.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

from connectors.log.interface import Tp
from connectors.metrics import declared


class ArchiveFigures:
    """`began_s` of a round, from `monotonic_s`, when it is over."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._whole_s, self.complete = monotonic_s(), False
        declared.ARCHIVE_BEHIND.read = lambda: {(): self._monotonic_s() - self._whole_s}

    def begin(self) -> float:
        return self._monotonic_s()

    def over(self, began_s: float, behind: Mapping[Tp, int]) -> None:
        """A round; `behind`: offsets by partition that it had to leave."""
        if not behind:
            self._whole_s, self.complete = began_s, True
        left = Counter[str]()
        for tp, offsets in behind.items():
            left[tp.topic] += offsets
        declared.ARCHIVE_LEFT.show({(topic,): count for topic, count in left.items()})

    def why_not_ready(self) -> str:
        return "" if self.complete else "no round has archived everything yet"
