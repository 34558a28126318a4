"""Trials of the kill switch: a gateway in its own process that is given one order after the other,
a trigger, and what the venue saw.

python -m tests.connectors.gateway.kills SERVERS PREFIX URL SOCKET_URL FOLDER DEAD_MAN_MS

A trial fails if a new order reaches the venue more than 100 ms after the trigger, if the last
cancel comes later than 1 s, if the venue is not verified free of orders within 5 s and no alarm was
raised, or if an order is open then or later that no alarm names. Failures are counted, with the
worst times, by what was broken; with one of them the soak fails.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from confluent_kafka import Producer

from connectors.control import ControlWriter
from connectors.gateway.gateway import open_gateway
from connectors.gateway.latch import Halt, latch_path, release
from connectors.gateway.local_socket import Ask, NotTold, ask_gateway, socket_path
from connectors.gateway.past import CONTROL, DECISIONS
from connectors.log.errors import WriterError
from connectors.log.kafka import KafkaLog
from connectors.partitioner import murmur2_partition
from connectors.simulated.limits import LimitSettings
from connectors.simulated.server import VenueServer
from ops.processes.exits import die
from ops.processes.kill import Killed, kill
from ops.settings import GatewaySettings, Settings
from ops.stack import StackInfo, processes
from schemas.errors import TapeError
from schemas.events import TradingHalted, TradingResumed
from tests.connectors.asynchronous import until
from tests.connectors.gateway.rig import (
    ACCOUNT,
    CODEC,
    TOPICS,
    Records,
    caps,
    kafka,
    key_text,
    parts,
)
from tests.connectors.simulated.rig import options, quote

Broken = Literal["nothing", "Kafka", "risk", "gateway", "a writer"]
BROKEN: Final[tuple[Broken, ...]] = ("nothing", "Kafka", "risk", "gateway", "a writer")
WHO: Final = ("OPERATOR", "ada", "trial", None)
WINDOW_MS: Final = 1_000
ORDER_EVERY_S, BEAT_S, AFTER_S = 0.03, 0.2, 0.4
ORDER_MS_MAX, CANCEL_MS_MAX, FREE_MS_MAX = 100, 1_000, 5_000
ORDERS: Final = 5  # that rest when the trigger comes
PATIENCE_S: Final = 90.0
WEIGHT: Final = 10**9
MS: Final = 1_000_000
ENOUGH: Final = {
    "orders_per_second_max": 500,
    "orders_per_day_max": 1_000_000,
    "open_orders_max": 10_000,
    "notional_per_day_max": "1000000000",
}


class Desk:
    """A venue, a broker's topics, risk's part by hand, and a gateway that is started anew where a
    trial ended it.
    """

    def __init__(self, stack: StackInfo, prefix: str, folder: Path, broker: Path) -> None:
        self._stack, self._prefix, self._broker = stack, prefix, broker
        self.run_dir, self._folder = folder / "run", folder / "run" / "gateway"
        self._folder.mkdir(parents=True)
        self.records: Records = kafka(stack, prefix)
        self._flowing, self._writable = False, True
        self._process: subprocess.Popen[bytes] | None = None
        self._venue_folder = folder
        self._asked = self._answered = 0  # control events by kills

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        limits = LimitSettings(weight=WEIGHT, orders_10s=10**6, orders_day=10**9)
        async with AsyncExitStack() as stack:
            server = VenueServer(options(self._venue_folder, limits=limits))
            self.server = await stack.enter_async_context(server)
            quote(server, "99", "5", "101", "5")
            for work in (self._beat, self._approve):
                task = asyncio.create_task(work())
                stack.push_async_callback(_ended, task)
            try:
                yield
            finally:
                self._end()

    @property
    def orders(self) -> list[Any]:
        return list(self.server.venue.exchange.orders.values())

    def open_orders(self) -> set[str]:
        """By client order id."""
        return {o.cl_ord_id for o in self.server.venue.exchange.open_orders(ACCOUNT, None)}

    def resting(self) -> int:
        return len(self.open_orders())

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def trade(self) -> None:
        """Until some orders rest that were sent after this call."""
        self._flowing, self._writable = True, True
        await until(self._trades, "orders", PATIENCE_S)

    def _trades(self) -> bool:
        """Starts a gateway where there is none: one that lived without the log ends itself."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        return self.resting() >= ORDERS

    async def resume(self) -> None:
        """As `tape resume` does it; what a kill could not write is not written any more by then, as
        where its command has ended.
        """
        await until(lambda: self._answered == self._asked, "the kill's event", PATIENCE_S)
        release(latch_path(self.run_dir), (None, None, None))
        self.records.write(CONTROL, TradingResumed(None, None, None, *WHO, time.time_ns()))
        with suppress(NotTold):
            ask = partial(ask_gateway, socket_path(self._folder, ACCOUNT), Ask("resume"), 2.0)
            await asyncio.to_thread(ask)

    async def kill(self) -> Killed:
        settings = Settings(
            run_dir=self.run_dir,
            gateway=GatewaySettings(
                url=self.server.url, key="env:TAPE_TRIAL_KEY", recv_window_ms=WINDOW_MS
            ),
        )
        os.environ["TAPE_TRIAL_KEY"] = key_text()
        halt = Halt(None, None, None, "ada", "trial", time.time_ns())
        self._asked += 1
        return await asyncio.to_thread(kill, settings, halt, 8.0, self._write)

    def _write(self, settings: Settings, halt: Halt) -> str:
        servers = {"bootstrap.servers": self._stack.bootstrap_servers}
        event = TradingHalted(None, None, None, True, *WHO, halt.ts_ns)
        try:
            return str(ControlWriter(servers, CODEC, self._prefix).write(event, "desk"))
        finally:
            self._answered += 1

    def broker(self, number: signal.Signals) -> None:
        """Stops the broker, as a machine that hangs, or lets it go on."""
        for pid in processes.find(self._broker / "kafka"):
            os.kill(pid, number)

    def quiet(self, *, writable: bool) -> None:
        """No more orders from risk; with `writable` its heartbeat and the clock's go on."""
        self._flowing, self._writable = False, writable

    def hang(self) -> Producer:
        """A transaction that nobody will end, on the partition of the decisions."""
        names = {"transactional.id": f"hung-{time.time_ns()}", "transaction.timeout.ms": 2_000}
        producer = Producer({"bootstrap.servers": self._stack.bootstrap_servers, **names})
        producer.init_transactions(20)
        producer.begin_transaction()
        key = b"nobody"
        partition = murmur2_partition(ACCOUNT.encode(), TOPICS[DECISIONS])
        producer.produce(self._prefix + DECISIONS, b"", key, partition)
        assert producer.flush(10) == 0
        return producer

    def _start(self, dead_man_ms: int = 0) -> subprocess.Popen[bytes]:
        server, servers = self.server, self._stack.bootstrap_servers
        where = [servers, self._prefix, server.url, server.socket_url, str(self._folder)]
        command = [sys.executable, "-m", "tests.connectors.gateway.kills", *where]
        with (self.run_dir / "gateway.log").open("ab") as said:
            return subprocess.Popen([*command, str(dead_man_ms)], stderr=said)

    def start_with_switch(self, dead_man_ms: int) -> None:
        """A gateway that refreshes the venue's dead-man's switch."""
        self._process = self._start(dead_man_ms)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    # On threads: the venue lives on this loop, and writing waits for the broker.
    async def _beat(self) -> None:
        while True:
            if self._writable:
                await asyncio.to_thread(self.records.beat)
            await asyncio.sleep(BEAT_S)

    async def _approve(self) -> None:
        while True:
            if self._flowing:
                await asyncio.to_thread(self.records.approve, price=Decimal(90))
            await asyncio.sleep(ORDER_EVERY_S)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# ---- what is broken while the switch is pulled ---------------------------------------------------

Mend = Callable[[], Awaitable[None]]


async def harm(desk: Desk, broken: Broken) -> Mend:
    """Breaks something; gives what mends it."""
    if broken == "Kafka":
        desk.quiet(writable=False)
        desk.broker(signal.SIGSTOP)
        return partial(_call, partial(desk.broker, signal.SIGCONT))
    if broken == "risk":
        desk.quiet(writable=False)
    if broken == "gateway":
        desk.send(signal.SIGSTOP)
        return partial(_call, partial(desk.send, signal.SIGCONT))
    if broken == "a writer":
        hung = await asyncio.to_thread(desk.hang)
        return partial(_call, partial(hung.poll, 0))
    return partial(_call, lambda: None)


async def _call(work: Callable[[], object]) -> None:
    work()


async def trial(desk: Desk, broken: Broken) -> Counter[str]:
    """One pull of the switch; what it cost, and whether it held."""
    await desk.trade()
    mend = await harm(desk, broken)
    try:
        done = await desk.kill()
        left = desk.open_orders()
    finally:
        await mend()
    await asyncio.sleep(AFTER_S)  # orders go on coming from risk meanwhile: none may pass
    counts = judged(desk.orders, broken, done, left | desk.open_orders())
    desk.quiet(writable=True)
    await desk.resume()
    return counts


def judged(orders: list[Any], broken: Broken, done: Killed, left: set[str]) -> Counter[str]:
    """Counts of one trial; times in milliseconds since the trigger. `left`: orders that were open
    afterwards. An alarm stands for the venue's word that it is free, and for no limit else.
    """
    begun_ns, told = done.begun_ns, f"kill switch, {broken} broken"
    new_ms = max((o.ts_ns - begun_ns for o in orders), default=0) // MS
    gone = (o.update_ns - begun_ns for o in orders if o.status == "CANCELED")
    cancel_ms, free_ms = max(gone, default=0) // MS, (done.looked_ns - begun_ns) // MS
    counts = Counter({f"{told}: alarms": len(done.alarms)})
    counts[f"{told}: last new order ms"] = max(0, new_ms)
    counts[f"{told}: last cancel ms"] = max(0, cancel_ms)
    counts[f"{told}: verified free ms"] = free_ms
    unverified = free_ms > FREE_MS_MAX and not done.alarms
    late = new_ms > ORDER_MS_MAX or cancel_ms > CANCEL_MS_MAX or unverified
    counts[f"{told}: too late"] = int(late)
    named = {word.strip(",;") for alarm in done.alarms for word in alarm.split()}
    counts[f"{told}: not free and no alarm"] = int(not left <= named)
    return counts


async def trials(
    stack: StackInfo, prefix: str, folder: Path, broker: Path, broken: Broken, rounds: int
) -> list[Counter[str]]:
    """Rounds over one venue and one broker."""
    desk = Desk(stack, prefix, folder, broker)
    async with desk.open():
        return [await trial(desk, broken) for _ in range(rounds)]


async def main(
    servers: str, prefix: str, url: str, socket_url: str, folder: str, dead_man_ms: str
) -> None:
    """The gateway's process."""
    made = parts(KafkaLog(servers, prefix), url, socket_url, Path(folder))
    made.port.weight_per_minute = WEIGHT  # as the venue's own limit: a trial a second is too much
    gateway = open_gateway(
        made._replace(
            abort=die,
            caps=caps(**ENOUGH),
            recv_window_ms=WINDOW_MS,
            requests_per_second=500,
            requests_for_cancels=400,
            dead_man_ms=int(dead_man_ms),
        )
    )
    await gateway.run()


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    try:
        asyncio.run(main(*sys.argv[1:]))
    except (TapeError, WriterError) as error:
        die(error.exit_code, str(error))
