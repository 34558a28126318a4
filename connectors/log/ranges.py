"""The records of a range as they come: one reader, and who has seen enough reads no further."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Final

from connectors.log.errors import OffsetsGone, TransactionHangs
from connectors.log.interface import Log, Message, Reader, Tp

RECORDS: Final = 10_000
POLL_S: Final = 0.2
Messages = Generator[Message, None, None]


def passing(log: Log, tp: Tp, start: int, end: int, deadline_s: float) -> Messages:
    """The committed records of [start, end), which the log must have. Raises `OffsetsGone`, and
    `TransactionHangs` where nothing comes for `deadline_s`.
    """
    require_held(tp, start, log.bounds(tp)[0])
    if start < end:
        yield from drained(log.reader({tp: start}), tp, start, end, deadline_s)


def require_held(tp: Tp, start: int, low: int) -> None:
    """Raises `OffsetsGone` for a start before the log's first offset."""
    if start < low:
        raise OffsetsGone(
            f"{tp.topic}/{tp.partition}: offset {start} is gone, the log begins at {low}"
        )


def drained(reader: Reader, tp: Tp, start: int, end: int, deadline_s: float) -> Messages:
    """The same of a reader that stands at `start`, which is closed in the end."""
    at, limit = start, time.monotonic() + deadline_s
    try:
        while reader.end_seen(tp, at) < end:
            found = reader.poll(RECORDS, POLL_S).get(tp, [])
            yield from (m for m in found if m.offset() < end)
            if found:
                at, limit = found[-1].offset() + 1, time.monotonic() + deadline_s
            elif time.monotonic() > limit:
                raise TransactionHangs(
                    f"{tp.topic}/{tp.partition}: a transaction left open hides records from "
                    f"offset {at} on (the log ends at {end}); "
                    "see kafka-transactions.sh find-hanging"
                )
    finally:
        reader.close()
