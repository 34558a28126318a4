"""What Bytewax does that the epoch protocol depends on. An upgrade that changes it fails here."""

from __future__ import annotations

import signal
import subprocess
import sys
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main

from connectors.epochs.bytewax_ends import ALWAYS_AWAKE, EPOCH_INTERVAL
from pipelines.flow import NotLinear, check_linear

Calls = list[str]


class SourcePart(StatefulSourcePartition[Any, None]):
    def __init__(self, calls: Calls, batches: list[list[Any]]) -> None:
        self._calls, self._batches = calls, iter(batches)

    def next_batch(self) -> Iterable[Any]:
        batch = next(self._batches)
        self._calls.append(f"next {batch}")
        return batch

    def next_awake(self) -> datetime | None:
        return ALWAYS_AWAKE

    def snapshot(self) -> None:
        return None


class Source(FixedPartitionedSource[Any, None]):
    def __init__(self, calls: Calls, batches: list[list[Any]]) -> None:
        self._part = calls, batches

    def list_parts(self) -> list[str]:
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> SourcePart:
        return SourcePart(*self._part)


class SinkPart(StatefulSinkPartition[Any, None]):
    def __init__(self, calls: Calls, fail: BaseException | None) -> None:
        self._calls, self._fail = calls, fail

    def write_batch(self, values: list[Any]) -> None:
        self._calls.append(f"write {values}")

    def snapshot(self) -> None:
        self._calls.append("snapshot")
        if self._fail is not None:
            raise self._fail


class Sink(FixedPartitionedSink[Any, None]):
    def __init__(self, calls: Calls, fail: BaseException | None = None) -> None:
        self._part, self._calls = (calls, fail), calls

    def list_parts(self) -> list[str]:
        return ["0"]

    def part_fn(self, item_key: str) -> int:
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> SinkPart:
        self._calls.append("build sink")
        return SinkPart(*self._part)


def straight(source: Source, sink: Sink) -> Dataflow:
    flow = Dataflow("pin")
    items = op.input("source", flow, source)
    keyed = op.map("shard", items, lambda item: ("0", item))
    op.output("sink", keyed, sink)
    return flow


def run(batches: list[list[Any]], interval: timedelta | None = EPOCH_INTERVAL) -> Calls:
    calls: Calls = []
    flow = straight(Source(calls, batches), Sink(calls))
    if interval is None:
        run_main(flow)  # type: ignore[no-untyped-call]
    else:
        run_main(flow, epoch_interval=interval)  # type: ignore[no-untyped-call]
    return calls


def test_each_batch_is_settled_before_the_next_is_asked_for() -> None:
    assert run([[1, 2], [3]]) == [
        "next [1, 2]",
        "build sink",
        "write [1, 2]",
        "snapshot",
        "next [3]",
        "write [3]",
        "snapshot",
    ]


def test_sink_parts_are_built_at_the_first_item() -> None:
    assert "build sink" not in run([[], []])


def test_an_epoch_without_items_may_still_end_in_a_snapshot() -> None:
    calls = run([[1], [], [2]])
    between = calls[calls.index("next []") + 1 : calls.index("next [2]")]
    assert set(between) <= {"snapshot"}


def test_the_default_interval_merges_batches() -> None:
    calls = run([[1], [2], [3]], interval=None)
    assert calls.count("snapshot") == 1


def test_the_default_part_function_is_no_identity() -> None:
    assert zlib.adler32(b"0") % 2 == 1


class CountsCopies:
    copies = 0

    def __deepcopy__(self, memo: object) -> CountsCopies:
        CountsCopies.copies += 1
        return self


def test_plain_stateful_operators_copy_their_state_every_epoch() -> None:
    """Hence `stateful_batch` with a logic of our own."""
    calls: Calls = []
    flow = Dataflow("pin")
    items = op.input("source", flow, Source(calls, [[1], [2], [3]]))
    keyed = op.map("shard", items, lambda item: ("0", item))

    def step(state: CountsCopies | None, item: int) -> tuple[CountsCopies, list[int]]:
        return state or CountsCopies(), [item]

    op.output("sink", op.stateful_flat_map("reduce", keyed, step), Sink(calls))
    run_main(flow, epoch_interval=EPOCH_INTERVAL)  # type: ignore[no-untyped-call]
    assert CountsCopies.copies >= 3


class KeepsQuiet(op.StatefulBatchLogic[int, int, None]):
    snapshots = 0

    def on_batch(self, values: list[int]) -> tuple[Iterable[int], bool]:
        return values, op.StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        KeepsQuiet.snapshots += 1


def test_a_stateful_logic_may_have_no_snapshot() -> None:
    calls: Calls = []
    flow = Dataflow("pin")
    items = op.input("source", flow, Source(calls, [[1], [2], [3]]))
    keyed = op.map("shard", items, lambda item: ("0", item))
    op.output("sink", op.stateful_batch("reduce", keyed, lambda _: KeepsQuiet()), Sink(calls))
    run_main(flow, epoch_interval=EPOCH_INTERVAL)  # type: ignore[no-untyped-call]
    assert KeepsQuiet.snapshots >= 3
    assert calls.count("snapshot") == 3


def test_what_a_sink_raises_is_in_the_chain_of_causes() -> None:
    calls: Calls = []
    flow = straight(Source(calls, [[1]]), Sink(calls, ZeroDivisionError("mine")))
    with pytest.raises(Exception, match="snapshot") as caught:
        run_main(flow, epoch_interval=EPOCH_INTERVAL)  # type: ignore[no-untyped-call]
    chain: list[type[BaseException]] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(type(error))
        error = error.__cause__
    assert ZeroDivisionError in chain


SCRIPT = """
import sys, time
from bytewax.testing import run_main
from tests.pins.test_bytewax import *
class Slow(SourcePart):
    def next_batch(self):
        print("live", flush=True)
        time.sleep(0.05)
        return [1]
Source.build_part = lambda *_: Slow([], [])
fail = SystemExit(70) if sys.argv[1] == "exit" else None
run_main(straight(Source([], []), Sink([], fail)), epoch_interval=EPOCH_INTERVAL)
"""


def started(mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_sys_exit_inside_a_sink_loses_its_code() -> None:
    with started("exit") as process:
        process.communicate(timeout=30)
    assert process.returncode == 1


def test_sigterm_ends_a_dataflow_at_once_where_nobody_handles_it() -> None:
    with started("run") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "live\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM


def test_a_mark_overtakes_its_data_through_a_branch() -> None:
    """Hence `check_linear`, which refuses such a flow."""
    calls: Calls = []
    flow = Dataflow("pin")
    items = op.input("source", flow, Source(calls, [[1, 2, "mark"]]))
    sides = op.branch("split", items, lambda item: isinstance(item, int))
    tenfold = op.map("tenfold", sides.trues, lambda item: item * 10)
    merged = op.merge("merge", sides.falses, tenfold)
    keyed = op.map("shard", merged, lambda item: ("0", item))
    reduced = op.stateful_batch("reduce", keyed, lambda _: KeepsQuiet())
    op.output("sink", reduced, Sink(calls))
    run_main(flow, epoch_interval=EPOCH_INTERVAL)  # type: ignore[no-untyped-call]
    written = [call for call in calls if call.startswith("write")]
    assert written[0].startswith("write ['mark'")
    with pytest.raises(NotLinear, match="overtake"):
        check_linear(flow)
