"""How a pipeline process ends. Crash-only: after an error at the log nothing is tidied up, the next
start resolves it.

    0   stopped: last epoch committed, with a snapshot
    1   a finding: a recorded epoch differs
    2   could not run: one clear line
    70  fenced: another instance has the shard. Never restart, page
    71  the transaction was aborted, or our own timed out. Restart
    72  its outcome is unknown. Restart
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from connectors.epochs.history import Ledger
from connectors.epochs.model import Shard
from connectors.log.errors import Aborted, Fenced
from connectors.log.interface import Log
from connectors.log.successor import successor_came
from schemas.codec import Codec
from schemas.events import ShardOpened

logger = logging.getLogger("tape.process")
SUCCESSOR_WAIT_S = 5.0


def die(code: int, message: str) -> NoReturn:
    """Ends the process now. A plain `sys.exit` inside Bytewax would become exit code 1."""
    logger.critical(message)
    print(f"tape: {message}", file=sys.stderr, flush=True)
    logging.shutdown()
    os._exit(code)


class Abort:
    """`die`, after telling a time-out of our own from a successor: librdkafka reports both as
    fenced.
    """

    def __init__(self, log: Log, codec: Codec, shard: Shard, instance: str) -> None:
        self._log, self._codec, self._shard, self._instance = log, codec, shard, instance

    def __call__(self, code: int, message: str) -> NoReturn:
        if code == Fenced.exit_code and not self._successor():
            die(
                Aborted.exit_code,
                f"{message} (no successor has opened the shard: our own time-out)",
            )
        die(code, message)

    def _successor(self) -> bool:
        """Whether another instance opened the shard after us; in doubt, yes."""
        return successor_came(self._newest, self._instance, SUCCESSOR_WAIT_S)

    def _newest(self) -> str | None:
        """The last process that opened the shard; None if more than a tail of epochs followed it.
        Raises `TapeError`.
        """
        ledger = Ledger(self._log, self._codec, self._shard)
        events = [r.event for r in ledger.records(max(ledger.low, ledger.end - 10_000))]
        return next((e.instance for e in reversed(events) if isinstance(e, ShardOpened)), None)
