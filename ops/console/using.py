"""How much of risk's limits is used: followed live, or as it was at a past moment."""

from __future__ import annotations

import logging
import time
from typing import Final

from connectors.log.interface import Log
from ops.console.reading import POLL, until
from ops.console.risk_again import Begin, RiskAgain, begin
from pipelines.risk.used import Used
from schemas.codec import Codec
from schemas.errors import TapeError, one_line

logger = logging.getLogger("tape.console")
BEHIND_MS: Final = 1_000
"""What is followed live waits so long for the other partitions: a fill comes after its approval."""
AGAIN_S: Final = 5.0
AT_ONCE: Final = 2_000  # records between two looks at the rest of the log


def used_at(log: Log, codec: Codec, at_ms: int) -> Used | None:
    """What was used when log time had reached `at_ms`; None where that cannot be known."""
    try:
        begun = begin(log, codec, at_ms)
        if begun is None:
            return None
        again = RiskAgain(codec, begun)
        starts = {tp: place.offset for tp, place in begun.places.items()}
        ends = {tp: log.offset_at(tp, at_ms + 1) for tp in starts}
        for _, messages in until(log, starts, ends):
            again.take(messages)
        again.advance(at_ms)
        return again.used
    except Exception as error:
        _unknown(error)
        return None


def _unknown(error: Exception) -> None:
    """Whatever it is, risk's own logic included: no page fails for it."""
    told = "how much of risk's limits is used is not known: %s"
    logger.warning(told, one_line(error), exc_info=not isinstance(error, TapeError))


class Using:
    """Follows the log. A desk may be looked at before its risk starts: that is asked for again."""

    def __init__(self, log: Log, codec: Codec, again_s: float = AGAIN_S) -> None:
        self._log, self._codec, self._wait_s = log, codec, again_s
        self._following: Following | None = None
        self._again_s = 0.0

    def follow(self) -> Used | None:
        """What is used, after some more of what is there; None while it is not known. Never waits
        for records.
        """
        try:
            if self._following is None and time.monotonic() >= self._again_s:
                self._again_s = time.monotonic() + self._wait_s
                self._following = self._begun()
            return None if self._following is None else self._following.step()
        except Exception as error:
            _unknown(error)
            self._again_s = time.monotonic() + self._wait_s
            self.close()
            return None

    def _begun(self) -> Following | None:
        begun = begin(self._log, self._codec, _now_ms())
        return None if begun is None else Following(self._log, self._codec, begun)

    def close(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following.close()


class Following:
    """Begins to follow where everything is there that was when it began."""

    def __init__(self, log: Log, codec: Codec, begun: Begin) -> None:
        self._again = RiskAgain(codec, begun)
        self._at = {tp: place.offset for tp, place in begun.places.items()}
        self._ends = {tp: log.bounds(tp)[1] for tp in self._at}
        self._reader = log.reader(self._at)
        self._used: Used | None = None

    def step(self) -> Used | None:
        """See `Using.follow`."""
        for tp, messages in self._reader.poll(POLL, 0.0).items():
            self._at[tp] = messages[-1].offset() + 1
            self._again.take(messages)
        if self._caught_up():
            reached_ms = max(self._again.reached_ms, _now_ms())
            if self._again.advance(reached_ms - BEHIND_MS, AT_ONCE):
                self._used = self._again.used
        return self._used

    def _caught_up(self) -> bool:
        seen, at = self._reader.end_seen, self._at
        self._ends = {tp: end for tp, end in self._ends.items() if seen(tp, at[tp]) < end}
        return not self._ends

    def close(self) -> None:
        self._reader.close()


def _now_ms() -> int:
    """Wall time, which log time follows."""
    return time.time_ns() // 1_000_000
