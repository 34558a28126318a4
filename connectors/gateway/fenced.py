"""How a fenced gateway ends.

A transaction younger than the time-out was ended by a successor. With an older one the log tells: a
successor announces itself there within its takeover wait. One that has not by then is stuck in its
start; should it be there after all, it is fenced by the restart and pages, so that two never fence
each other for ever. The caller's event loop stands still meanwhile: who may be a zombie sends
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connectors.log.errors import Aborted, Fenced
from connectors.log.interface import Log, Tp
from connectors.log.successor import ANSWER_S, successor_came
from schemas.codec import Codec
from schemas.events import GatewayReady

TRANSACTION_NS: Final = 5_000_000_000
WAIT_S: Final = 10.0
TAIL: Final = 10_000
READ_S: Final = 5.0


def exit_code(
    age_ns: int,
    newest: Callable[[], str | None],
    instance: str,
    wait_s: float = WAIT_S,
    answer_s: float = ANSWER_S,
) -> int:
    """70 for a successor, 71 for a time-out of our own; in doubt 70. `age_ns`: of the transaction,
    sleep included. `newest`: the instance that was ready last.
    """
    if age_ns < TRANSACTION_NS or successor_came(newest, instance, wait_s, answer_s):
        return Fenced.exit_code
    return Aborted.exit_code


def newest_ready(log: Log, codec: Codec, tp: Tp) -> str | None:
    """The instance of the newest `GatewayReady` of a partition; None if more than a tail followed.
    Raises `TapeError`.
    """
    low, end = log.bounds(tp)
    for message in reversed(log.read(tp, max(low, end - TAIL), end, READ_S)):
        event = codec.decode(message.value())
        if isinstance(event, GatewayReady):
            return event.instance
    return None
