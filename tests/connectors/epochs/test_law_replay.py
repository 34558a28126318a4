"""Law 1: what was recorded re-runs to the same digests, in any session and any process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.epochs.errors import Diverged
from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from pipelines.logic import Input, Output
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs, recorded, replay, replay_history

TIMES = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), max_size=60)


@given(TIMES, st.sampled_from([1, 4, 50]), st.sampled_from([200, 20_000]))
@settings(max_examples=60, deadline=None)
def test_replay_gives_the_same_digests(
    arrivals: list[tuple[bool, int, int]], records_max: int, bytes_max: int
) -> None:
    log, now = MemoryLog(toy.TOPICS), 1_000
    for number, (is_tick, step, instrument) in enumerate(arrivals):
        now += step
        name = toy.INSTRUMENTS[instrument]
        log.append(toy.tick_record(now) if is_tick else toy.trade_record(number, now, name))
    bounds = {"records_max": records_max, "bytes_max": bytes_max, "snapshot_bytes_min": 4_000}
    first = toy.live(log, toy.shard(**bounds))
    again = replay(log)
    assert again.progress.outputs == first.progress.outputs
    assert again.progress.snapshots == first.progress.snapshots


def test_replay_of_other_logic_names_the_first_epoch_that_differs() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(30):
        log.append(toy.trade_record(number, 1_000 + number))
    toy.live(log, toy.shard(records_max=10))

    class Late(toy.ToyLogic):
        def decide(self, state: toy.Witness, item: Input) -> list[Output]:
            made = super().decide(state, item)
            return [] if item.event.trade_id == "17" else made

    shard = toy.shard()
    with pytest.raises(Diverged, match=r"epoch 1 .* outputs \(10 recorded, 9 now\)") as finding:
        replay_history(log, shard, recorded(log, shard), Late())
    assert (finding.value.sequence, finding.value.what) == (1, "outputs")


def test_replay_of_a_changed_input_names_it() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(30):
        log.append(toy.trade_record(number, 1_000 + number))
    toy.live(log)
    entry = log.partitions[Tp(toy.TRADES, 0)].entries[0]
    assert entry.record is not None
    entry.record = entry.record._replace(timestamp_ms=entry.record.timestamp_ms - 1)
    with pytest.raises(Diverged, match="inputs"):
        replay(log)


SCRIPT = """
from connectors.log.memory import MemoryLog
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import epochs
log = MemoryLog(toy.TOPICS)
for number in range(100):
    log.append(toy.trade_record(number, 1_000 + number))
    log.append(toy.tick_record(1_000 + number))
toy.live(log, toy.shard(records_max=13, snapshot_bytes_min=9_000))
for e in epochs(log):
    print(e.outputs_digest.hex(), e.snapshot.digest.hex() if e.snapshot_taken else "")
"""


def test_digests_are_equal_under_another_hash_seed() -> None:
    printed = set()
    for seed, threads in (("1", "1"), ("2", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        printed.add(done.stdout)
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) > 8


def test_epochs_form_a_chain() -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(20):
        log.append(toy.trade_record(number, 1_000 + number))
    toy.live(log, toy.shard(records_max=5))
    chains = [e.chain for e in epochs(log)]
    assert len(set(chains)) == len(chains) == 5
