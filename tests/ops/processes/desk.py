"""A desk on the real broker for tests: topics under a prefix of its own, raw frames from a
capture, processes by command line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from connectors.epochs.history import Ledger
from connectors.epochs.model import Shard
from connectors.feed.capture import load
from connectors.log.kafka import KafkaLog
from connectors.log.places import partitions
from connectors.partitioner import murmur2_partition
from connectors.venues import venue
from ops import topics
from ops.settings import ROOT
from ops.stack import StackInfo
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.events import FrameReceived, ShardOpened
from schemas.ids import SchemaIds
from schemas.registry import Registry, register
from tests.nursery import Command, Running

START_S, STOP_S, DRAIN_S = 30.0, 10.0, 60.0
TAPE = (sys.executable, "-m", "ops")
OF_THE_INTERPRETER = {"PYTHONHASHSEED", "POLARS_MAX_THREADS"}


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Desk:
    """Everything lies under `prefix` and `folder`; `environment` reaches every command."""

    def __init__(self, stack: StackInfo, prefix: str, folder: Path) -> None:
        self.prefix, self.folder = prefix, folder
        self.log = KafkaLog(stack.bootstrap_servers, prefix)
        catalog = load_catalog()
        topics.apply({"bootstrap.servers": stack.bootstrap_servers}, catalog, prefix)
        list(register(Registry(stack.registry_url), catalog, prefix))
        self.codec = Codec(
            catalog, SchemaIds.from_registry(stack.registry_url, catalog, None, prefix)
        )
        self._servers = stack.bootstrap_servers
        self._running: list[Running] = []
        self._printed = folder / "printed"
        self._printed.mkdir()
        self.environment = {
            "PYTHONPATH": str(ROOT),
            "TAPE_CONFIG": os.environ["TAPE_CONFIG"],
            "TAPE_RUN_DIR": str(folder / "run"),
            "TAPE_TOPIC_PREFIX": prefix,
            "TAPE_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "TAPE_REGISTRY__URL": stack.registry_url,
        }

    def produce(
        self,
        seconds: float = 4.0,
        start_s: float = 1.0,
        name: str = "binance_spot_btcusdt_20240808",
    ) -> int:
        """The frames of a capture as a connector would write them, on lines A and B."""
        producer = Producer({"bootstrap.servers": self._servers, "linger.ms": 20})
        encode, route = self.codec.encoder(FrameReceived), venue("BINANCE").route()
        count, now_ms = self.log.partition_count("md.raw.v1"), time.time_ns() // 1_000_000
        frames = load([name], start_s, seconds)
        for frame in frames:
            key = ":".join(filter(None, ("BINANCE", route(frame.payload)))).encode()
            for line in "AB":
                at_ms = now_ms + frame.at_ns // 1_000_000
                event = FrameReceived("BINANCE", line, line, at_ms * 1_000_000, frame.payload)
                producer.produce(
                    self.prefix + "md.raw.v1",
                    encode(event),
                    key,
                    murmur2_partition(key, count),
                    timestamp=at_ms,
                )
            producer.poll(0)
        assert producer.flush(10) == 0
        return 2 * len(frames)

    def environ(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TAPE_")}
        return {**kept, **self.environment, **more}

    def tape(self, *arguments: str, **more: str) -> Ended:
        """One command to its end."""
        process = self._spawn(TAPE, arguments, more)
        out, err = process.communicate(timeout=DRAIN_S)
        assert process.returncode is not None
        return Ended(process.returncode, out, err)

    def start(
        self, *arguments: str, command: tuple[str, ...] = TAPE, more: dict[str, str] | None = None
    ) -> Running:
        """A process that runs until it is stopped."""
        process = self._spawn(command, arguments, more or {})
        self._running.append(process)
        return process

    def _spawn(
        self, command: tuple[str, ...], arguments: tuple[str, ...], more: dict[str, str]
    ) -> Running:
        """Forked; by the interpreter where it is another program, or its beginning counts."""
        environment = self.environ(**more)
        if command is TAPE and not more.keys() & OF_THE_INTERPRETER:
            return Command(arguments, environment, self.folder, self._printed)
        return subprocess.Popen(
            [*command, *arguments],
            env=environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_opened(self, process: Running, pipeline: str) -> None:
        """Until the process has its shard."""
        shard = Shard(pipeline, 0, 1, (), "")
        limit = time.monotonic() + START_S
        while process.pid not in self._openers(shard):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < limit, f"{pipeline} has not opened its shard"
            time.sleep(0.05)

    def _openers(self, shard: Shard) -> set[int]:
        ledger = Ledger(self.log, self.codec, shard)
        events = (record.event for record in ledger.records(ledger.low))
        return {event.pid for event in events if isinstance(event, ShardOpened)}

    def wait_drained(self, pipeline: str, *inputs: str) -> None:
        """Until lag tools would show 0 for the pipeline's group."""
        tps = partitions(self.log, *inputs)
        limit = time.monotonic() + DRAIN_S
        while True:
            offsets = self.log.group_offsets(f"tape.{pipeline}", tps)
            left = {tp: self.log.bounds(tp)[1] - offsets.get(tp, -1) for tp in tps}
            if not any(left.values()):
                return
            failed = [p for p in self._running if p.poll() not in (None, 0)]
            assert not failed, failed[0].communicate()[1]
            assert time.monotonic() < limit, f"still unread: {left}"
            time.sleep(0.05)

    def run_until_drained(
        self, pipeline: str, *arguments: str, inputs: tuple[str, ...], **more: str
    ) -> None:
        """`tape run` until its input is read, then SIGTERM; it must exit 0 within 10 s."""
        process = self.start("run", pipeline, *arguments, more=more)
        self.wait_opened(process, pipeline)
        self.wait_drained(pipeline, *inputs)
        ended = self.stop(process)
        assert ended.code == 0, ended.err

    def stop(self, process: Running) -> Ended:
        """SIGTERM; raises TimeoutExpired past 10 s, the limit of the product."""
        process.send_signal(signal.SIGTERM)
        return self.ended(process, STOP_S)

    def ended(self, process: Running, within_s: float = START_S) -> Ended:
        """Waits until a process ends by itself."""
        out, err = process.communicate(timeout=within_s)
        self._running.remove(process)
        assert process.returncode is not None
        return Ended(process.returncode, out, err)

    def tidy(self) -> None:
        """Ends what a failed test left running, and forgets what ended."""
        for process in self._running:
            process.kill()
            process.communicate()
        self._running.clear()

    def close(self) -> None:
        self.tidy()
        self.log.close()
