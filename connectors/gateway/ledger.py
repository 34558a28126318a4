"""What the gateway writes, in the order in which it happened: raw frames and the order events
derived from them in one transaction, by one writer per account.

Transactions run on a thread of their own, so that a broker that hangs does not keep a cancel from
being sent. Being fenced ends the process at once: another gateway has the account.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple

from connectors.gateway.fenced import exit_code, newest_ready
from connectors.gateway.snapshots import SNAPSHOTS
from connectors.gateway.transport import boottime_ns
from connectors.log.errors import Aborted, Fenced, WriterError
from connectors.log.interface import Abort, Log, OutRecord, Tp, Writer
from connectors.log.places import place_of
from connectors.traces.ids import TRACE_HEADER, traceparent
from schemas.codec import Codec
from schemas.errors import TapeError

RAW: Final = "venue.raw.v1"
EVENTS: Final = "oms.order-event.v1"
_TOPICS: Final = {"StateSnapshotted": SNAPSHOTS}


class _Unit(NamedTuple):
    """What belongs into one transaction; `of` makes it from where what came before it ends."""

    events: list[Any]
    done: asyncio.Future[None]
    of: Callable[[Mapping[Tp, int]], Sequence[Any]] | None = None


class Ledger:
    """`broken` is the error after which nothing can be written any more; None while it can. `lost`
    is given the events that may not have been written then. `commits` counts transactions.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        account: str,
        instance: str,
        abort: Abort,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._log, self._codec, self._abort, self._now_ns = log, codec, abort, now_ns
        self._key, self._source = account.encode(), f"tape/gateway/{instance}".encode()
        self._account, self._instance, self._number = account, instance, 0
        self._begun_ns = 0  # boottime of the newest transaction
        self._partitions = {
            topic: place_of(log, topic, self._key).partition for topic in (RAW, EVENTS, SNAPSHOTS)
        }
        self._ends: dict[Tp, int] = {}
        self._writer: Writer | None = None
        self._pool = ThreadPoolExecutor(1, "ledger")
        self._waiting: list[_Unit] = []
        self._running: asyncio.Task[None] | None = None
        self.commits = 0
        self.broken: WriterError | None = None
        self.lost: Callable[[list[Any]], None] = lambda events: None

    @property
    def busy(self) -> bool:
        """Whether something waits to be committed."""
        return self._running is not None and not self._running.done()

    def fence(self) -> None:
        """Ends any predecessor. Raises `LogUnreachable`."""
        self._writer = self._log.writer(f"gateway-{self._account}")
        self._writer.fence()

    def put(self, events: Sequence[Any]) -> asyncio.Future[None]:
        """Hands over events that belong into one transaction; the future is done when it is
        committed, and raises `WriterError` when it is not. The order of calls is the log's.
        """
        unit = _Unit(list(events), asyncio.get_running_loop().create_future())
        if events:
            self._queue(unit)
        else:
            unit.done.set_result(None)
        return unit.done

    def put_after(self, made: Callable[[Mapping[Tp, int]], Sequence[Any]]) -> asyncio.Future[None]:
        """Hands over events about all that was handed over before: made when that is committed,
        from the offsets at which it ends, and committed alone.
        """
        unit = _Unit([], asyncio.get_running_loop().create_future(), made)
        self._queue(unit)
        return unit.done

    def _queue(self, unit: _Unit) -> None:
        # A caller that does not wait is told by `broken`.
        unit.done.add_done_callback(lambda f: f.cancelled() or f.exception())
        if self.broken is not None:
            unit.done.set_exception(self.broken)
            return
        self._waiting.append(unit)
        if not self.busy:
            self._running = asyncio.create_task(self._run())

    def _next(self) -> list[_Unit]:
        """All that waits, up to a unit that goes alone; or that one."""
        alone = next((n for n, unit in enumerate(self._waiting) if unit.of is not None), None)
        count = len(self._waiting) if alone is None else max(alone, 1)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return [u if u.of is None else u._replace(events=list(u.of(self._ends))) for u in batch]

    async def idle(self) -> None:
        """Returns when everything handed over was committed, or cannot be."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next()
            try:
                records = [self._record(event) for unit in batch for event in unit.events]
                await loop.run_in_executor(self._pool, self._transact, records)
            except Fenced as error:
                self._abort(self._fenced(), f"fenced, nothing was sent: {error}")
            except WriterError as error:
                self._break(error, batch)
                return
            except TapeError as error:  # it happened all the same, and the fold knows it
                self._break(Aborted(f"an event cannot be written: {error}"), batch)
                return
            self.commits += 1
            for unit in batch:
                if not unit.done.done():  # nobody waits any more
                    unit.done.set_result(None)

    def _fenced(self) -> int:
        """It blocks the loop: see `fenced`."""
        tp = Tp(EVENTS, self._partitions[EVENTS])
        newest = partial(newest_ready, self._log, self._codec, tp)
        return exit_code(boottime_ns() - self._begun_ns, newest, self._instance)

    def _break(self, error: WriterError, batch: list[_Unit]) -> None:
        self.broken = error
        units, self._waiting = [*batch, *self._waiting], []
        self.lost([event for unit in units for event in unit.events])
        for unit in units:
            if not unit.done.done():
                unit.done.set_exception(error)

    def _transact(self, records: list[OutRecord]) -> None:
        assert self._writer is not None, "not fenced"
        self._begun_ns = boottime_ns()
        self._writer.begin()
        self._writer.send(records)
        self._ends.update(self._writer.commit())

    def _record(self, event: Any) -> OutRecord:
        name = type(event).__name__
        topic = RAW if name.startswith("Venue") else _TOPICS.get(name, EVENTS)
        self._number += 1
        headers = [
            ("ce_id", b"%b/%d" % (self._source, self._number)),
            ("ce_specversion", b"1.0"),
            ("ce_type", name.encode()),
            ("ce_source", self._source),
        ]
        if getattr(event, "correlation_id", None):
            headers.append((TRACE_HEADER, traceparent(event, headers[0][1].decode())))
        value, at_ms = self._codec.encode(event), self._now_ns() // 1_000_000
        return OutRecord(topic, self._partitions[topic], self._key, value, at_ms, headers)
