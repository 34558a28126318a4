"""The laws on the real broker, where no process needs to be harmed: shards, seeds, backlog, clock,
recovery time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from bisect import bisect_left
from collections import defaultdict
from pathlib import Path
from statistics import median

from connectors.log.interface import Tp
from schemas.events import EpochCommitted
from tests.connectors.epochs import toy
from tests.faults import cluster
from tests.faults.clock import Clock
from tests.faults.nursery import wait_for
from tests.faults.oracle import identity, whole
from tests.faults.rig import Rig, trades

ROOT = Path(__file__).parents[2]
HOUR_S = 3_600
RERUN_MAX = 10
STARTS = 5
STALE_MS = 2_000


def shards_against_one(rig: Rig, records: int) -> None:
    """The same trades through one shard, two and four: each key's ids and values are equal."""
    at_ms = time.time_ns() // 1_000_000 - records
    found = []
    for shards in (1, 2, 4):
        one = rig.another()
        cluster.write(one.servers, one.prefix, trades(records, at_ms))
        one.finish(shards)
        found.append(by_key(one))
    assert found[0] == found[1] == found[2]


def by_key(rig: Rig) -> dict[bytes, list[tuple[bytes, bytes]]]:
    keys: dict[bytes, list[tuple[bytes, bytes]]] = defaultdict(list)
    for partition in range(4):
        for message in whole(rig.log, toy.TARGETS, partition):
            identifier, key, value = identity(message)
            keys[key].append((identifier, value))
    return dict(keys)


def replays_under_other_hash_seeds(rig: Rig, seeds: int) -> None:
    """What two shards recorded, with kills, re-runs in other processes to the same digests."""
    with rig.feeding():
        for number in range(4):
            victim = rig.victim(number=number % 2, shards=2, crash_at="epoch-sent:3")
            victim.wait()
    rig.finish(shards=2)
    printed = set()
    for seed in range(seeds):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "POLARS_MAX_THREADS": str(seed + 1),
        }
        command = [sys.executable, "-m", "tests.faults.rerun", rig.servers, rig.prefix, "2"]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed.add(done.stdout)
        rig.counts["replays"] += 1
    assert len(printed) == 1


def hour_of_backlog(rig: Rig) -> None:
    """Five trades per second and instrument and one tick per second, an hour of it, all there at
    the start: nothing is handed out while a trade `STALE_MS` older waits, so nothing looks stale.
    """
    begin_ms = time.time_ns() // 1_000_000 - HOUR_S * 1_000
    records = []
    for second in range(HOUR_S):
        at_ms = begin_ms + second * 1_000
        records += [toy.trade_record(second, at_ms, name) for name in 5 * toy.INSTRUMENTS]
        records.append(toy.tick_record(at_ms + 500))
    cluster.write(rig.servers, rig.prefix, records)
    rig.finish()
    oldest = oldest_waiting_ms(rig)
    rig.counts["oldest trade left waiting, ms"] = oldest
    assert oldest <= STALE_MS


def oldest_waiting_ms(rig: Rig) -> int:
    """Over all epochs: how much older than the newest record read the oldest waiting trade was."""
    stamps = {
        p: [(m.offset(), m.timestamp()[1]) for m in whole(rig.log, toy.TRADES, p)] for p in range(4)
    }
    oldest = 0
    for message in whole(rig.log, "toy.epochs.v1", 0):
        epoch = toy.CODEC.decode(message.value())
        if not isinstance(epoch, EpochCommitted):
            continue
        newest = max(r.log_time_ms for r in epoch.inputs)
        for r in epoch.inputs:
            if r.topic == toy.TRADES:
                rest = stamps[r.partition]
                rest[: bisect_left(rest, (r.end, 0))] = []
                oldest = max(oldest, newest - rest[0][1]) if rest else oldest
    return oldest


def clock_stepped_back(rig: Rig, steps_s: tuple[float, ...] = (-0.7, -2.0, -3_600.0, 30.0)) -> None:
    """The victim's wall clock steps while it runs: it goes on at once, one batch per epoch."""
    clock = Clock(rig.scratch)
    orders = rig.orders()
    command = [sys.executable, "-m", "tests.faults.victim"]
    command += [f"servers={orders.servers}", f"prefix={orders.prefix}", f"said={orders.said}"]
    environment = {**os.environ, **clock.environment}
    with rig.feeding():
        process = subprocess.Popen(command, env=environment, cwd=ROOT)
        try:
            wait_for(lambda: rig.epochs_end() > 10, "first epochs")
            for step_s in steps_s:
                clock.step_to(step_s)
                begun = time.monotonic()
                rig.wait_for_epochs(3)
                took_ms = round(1000 * (time.monotonic() - begun))
                rig.counts[f"ms for three epochs after {step_s:+} s"] = took_ms
                assert took_ms < 2_000, f"{took_ms} ms for three epochs after {step_s} s"
            assert process.poll() is None
        finally:
            process.kill()
            process.wait(10)
    rig.finish()


def recovery_time(rig: Rig, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """(events on the log, milliseconds from start to the first epoch committed after a kill: the
    middle of `STARTS`).
    """
    rows, written, begin_ms = [], 0, time.time_ns() // 1_000_000 - max(sizes)
    for size in sizes:
        cluster.write(rig.servers, rig.prefix, trades(size - written, begin_ms, written))
        written = size
        bounds = {"records_max": 2_000, "snapshot_bytes_min": 400_000}
        assert rig.victim(finish=True, **bounds).wait(600) == 0
        cluster.write(rig.servers, rig.prefix, trades(2_000, begin_ms, written))
        written += 2_000
        rig.victim(crash_at="committed:0", **bounds).wait()
        taken = []
        for _ in range(STARTS):
            cluster.write(rig.servers, rig.prefix, trades(10, begin_ms, written))
            written += 10
            taken.append(_one_recovery(rig, size, bounds))
        rows.append((size, round(1000 * median(taken))))
        rig.counts[f"recovery ms at {size} events"] = rows[-1][1]
    return rows


def _one_recovery(rig: Rig, size: int, bounds: dict[str, int]) -> float:
    """Seconds from a start to its first epoch; then it is killed."""
    begun, end = time.monotonic(), rig.log.bounds(Tp("toy.epochs.v1", 0))[1]
    victim = rig.victim(**bounds)
    wait_for(lambda: rig.epochs_end() >= end + 4, "the first epoch")
    seconds = time.monotonic() - begun
    rerun_epochs = int(re.findall(r"(\d+) to re-run", victim.said())[-1])
    assert rerun_epochs < RERUN_MAX, f"{rerun_epochs} epochs re-run at {size} events"
    victim.kill()
    return seconds
