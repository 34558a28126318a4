"""The Bytewax ends of a session: a source whose every batch is one epoch, a sink whose every
snapshot settles one.

Nothing else imports Bytewax but `pipelines/flow.py`.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main

from connectors.epochs.session import Session
from connectors.epochs.tuning import rest, tune
from connectors.log.errors import WriterError
from connectors.log.interface import Abort
from pipelines.items import Item

logger = logging.getLogger("tape.epochs")
# The wall clock decides nothing: an interval below zero ends an epoch with every batch, an awake
# time in the past never waits.
EPOCH_INTERVAL = timedelta(days=-1)
ALWAYS_AWAKE = datetime(2000, 1, 1, tzinfo=UTC)
PART = "0"


class EpochPart(StatefulSourcePartition[Item, None]):
    def __init__(self, session: Session) -> None:
        self._session = session

    def next_batch(self) -> Iterable[Item]:
        if self._session.failed is not None:
            raise StopIteration
        try:
            items = self._session.next_items()
        except StopIteration:
            raise
        except Exception as error:
            self._session.fail(error)
            raise StopIteration from None
        if not items:
            rest()
        return items

    def next_awake(self) -> datetime | None:
        return ALWAYS_AWAKE

    def snapshot(self) -> None:
        return None


class EpochSource(FixedPartitionedSource[Item, None]):
    """Every `next_batch` is one epoch."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_parts(self) -> list[str]:
        return [PART]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> EpochPart:
        return EpochPart(self._session)


class SettlePart(StatefulSinkPartition[Item, None]):
    def __init__(self, session: Session, abort: Abort) -> None:
        self._session, self._abort = session, abort
        self._items: list[Item] = []

    def write_batch(self, values: list[Item]) -> None:
        self._items += values

    def snapshot(self) -> None:
        items, self._items = self._items, []
        if not items:
            return
        try:
            self._session.settle(items)
        except WriterError as error:
            self._abort(error.exit_code, str(error))
        except Exception as error:
            self._session.fail(error)


class EpochSink(FixedPartitionedSink[Item, None]):
    """`snapshot`, which Bytewax calls once the whole epoch has arrived, commits it or compares
    it with its record.
    """

    def __init__(self, session: Session, abort: Abort) -> None:
        self._session, self._abort = session, abort

    def list_parts(self) -> list[str]:
        return [PART]

    def part_fn(self, item_key: str) -> int:
        assert item_key == PART, f"a mark of shard {item_key} in the sink of {PART}"
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> SettlePart:
        return SettlePart(self._session, self._abort)


def run_flow(flow: Dataflow, session: Session) -> None:
    """Runs a dataflow in this thread with the interval that the protocol needs.

    What source, steps and sink raise ends it without Bytewax, which would print a panic, and is
    raised here.
    """
    undo = tune()
    try:
        run_main(flow, epoch_interval=EPOCH_INTERVAL)  # type: ignore[no-untyped-call]
    finally:
        undo()
    if session.failed is not None:
        raise session.failed


def stop_on_signals(session: Session) -> Callable[[], None]:
    """SIGTERM and SIGINT: one last epoch with a snapshot. SIGUSR1: a snapshot now. Gives a call
    that undoes it.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        session.stop_requested = session.interrupted = True

    def snapshot(number: int, frame: FrameType | None) -> None:
        session.snapshot_requested = True

    wanted: dict[signal.Signals, Any] = {
        signal.SIGTERM: stop,
        signal.SIGINT: stop,
        signal.SIGUSR1: snapshot,
    }
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
