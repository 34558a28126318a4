"""A console on a real socket, over a real traded run held in memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn

from connectors.gateway.flat import Cleared
from connectors.gateway.latch import Halt
from connectors.log.interface import Log, OutRecord
from connectors.log.memory import Entry, MemoryLog
from connectors.partitioner import murmur2_partition
from ops.console.application import Parts, application
from ops.console.archived import Archived
from ops.console.following import Follower
from ops.console.killing import Killer
from ops.console.rendered import Rendered, now_ms
from ops.console.serving import Explained, bound, config
from ops.processes.attempts import Way
from ops.processes.kill import Killed
from pipelines.batches import local_codec
from replay.archive.store import FolderStore
from schemas.codec import Codec
from schemas.events import TradePrinted
from tests.replay import traded

TOKEN = "the-token-of-this-start"
HOST = "127.0.0.1"
TRADES = "md.trade.v1"


def newest_ms(log: MemoryLog) -> int:
    """Log time of the newest record."""
    parts = log.partitions.values()
    return max(r.timestamp_ms for p in parts for _, r in p.committed(0, p.end))


def moved(log: MemoryLog, by_ms: int) -> MemoryLog:
    """The same records, at other times."""
    for partition in log.partitions.values():
        for at, entry in enumerate(partition.entries):
            if entry.record is not None:
                later = entry.record.timestamp_ms + by_ms
                record = entry.record._replace(timestamp_ms=later)
                partition.entries[at] = Entry(record, entry.transaction)
    return log


def lately() -> MemoryLog:
    """The traded run as if it ended now."""
    log = traded.load()
    return moved(log, now_ms() - newest_ms(log))


@dataclass
class Console:
    """`halts`: the kills that arrived; `outcome`: what they come to."""

    log: MemoryLog
    follower: Follower
    port: int = 0
    halts: list[Halt] = field(default_factory=list)
    alarms: tuple[str, ...] = ()
    server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://{HOST}:{self.port}/api/live"

    @property
    def unsent_bytes(self) -> int:
        """The most that waits in the server for one connection."""
        assert self.server is not None
        open_now: list[Any] = list(self.server.server_state.connections)
        return max((one.transport.get_write_buffer_size() for one in open_now), default=0)

    def kill(self, halt: Halt) -> Killed:
        self.halts.append(halt)
        way = Way("latch", True, "written")
        return Killed((way,), Cleared(True, (), detail="nothing is open"), self.alarms, 1, 2)


def trade(log: MemoryLog, number: int, name: str) -> None:
    """One more trade on the log, now; its price is the number."""
    price = Decimal(number)
    event = TradePrinted("BINANCE", name, f"t{number}", "BUY", price, price, None, 5, "A")
    place = murmur2_partition(name.encode(), log.partition_count(TRADES))
    log.append(OutRecord(TRADES, place, name.encode(), local_codec().encode(event), now_ms()))


@contextmanager
def console(log: MemoryLog, root: Path, port: int = 0, step_s: float = 0.02) -> Iterator[Console]:
    """Serves until the end of the block; caught up with the log before it begins."""
    codec = local_codec()

    def opened() -> tuple[Log, Codec]:
        return log, codec

    follower = Follower(opened)
    found = Console(log, follower)
    parts = Parts(
        Rendered(follower),
        Archived(FolderStore(root)),
        Explained(opened).order,
        Killer(found.kill),
        TOKEN,
        step_s=step_s,
    )
    follower.start()
    try:
        with bound(HOST, port) as listening:
            found.port = listening.getsockname()[1]
            found.server = uvicorn.Server(config(application(parts, HOST), HOST))
            with served(found.server, listening):
                assert follower.ready.wait(30)
                yield found
    finally:
        follower.stop()


@contextmanager
def served(server: uvicorn.Server, listening: socket.socket) -> Iterator[None]:
    """Runs the server on a thread; stops it at the end."""
    thread = threading.Thread(target=server.run, args=([listening],))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # who does not read is felt
    listening.listen()  # whoever asks before the server runs waits for it
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
