"""The laws, over generated feeds with losses, repeats, disorder, garbage and silence.

1. step == fold, outputs and state, bit for bit
2. the same outputs and state wherever epochs are cut, and through a snapshot at any point
3. one shard or several: each feed's outputs are equal
4. equal states give equal bytes, in every process; deciding changes nothing
"""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.logic import Input, Output, fold
from pipelines.market.logic import MarketLogic
from pipelines.market.settings import DEFAULTS
from tests.pipelines.batches import batch_of, cut
from tests.pipelines.market.feeds import CLOCK, VENUES, feeds
from tests.pipelines.market.script import Scribe, told

# Small bounds, so that short feeds reach them.
LOGIC = MarketLogic(VENUES, DEFAULTS._replace(held_max=4, seen_max=5))
SIZES = st.lists(st.integers(0, 12), max_size=6)
steady = settings(deadline=None, max_examples=200)


def run(inputs: list[Input], sizes: list[int]) -> tuple[bytes, list[Output]]:
    state, outputs = LOGIC.initial(), []
    for batch in cut(inputs, sizes):
        state, found = LOGIC.step(state, batch)
        outputs += found
    return LOGIC.dump(state), outputs


@steady
@given(inputs=feeds)
def test_step_is_the_fold(inputs: list[Input]) -> None:
    state, outputs = fold(LOGIC, LOGIC.initial(), iter(inputs))
    assert run(inputs, []) == (LOGIC.dump(state), outputs)


@steady
@given(inputs=feeds, sizes=SIZES)
def test_cuts_change_nothing(inputs: list[Input], sizes: list[int]) -> None:
    assert run(inputs, sizes) == run(inputs, [])


@steady
@given(inputs=feeds, shards=st.integers(2, 4))
def test_shards_change_nothing(inputs: list[Input], shards: int) -> None:
    """A clock tick is read by every shard, and speaks of each one's own feeds."""
    _, whole = run(inputs, [])
    found: list[Output] = []
    for shard in range(shards):
        found += run([i for i in inputs if _owner(i, shards) in (shard, None)], [])[1]
    for key in {output.key for output in whole + found}:
        assert [o for o in found if o.key == key] == [o for o in whole if o.key == key]


def _owner(item: Input, shards: int) -> int | None:
    topic, partition, _ = item.position
    return None if topic == CLOCK else partition % shards


@steady
@given(inputs=feeds, at=st.integers(0, 60))
def test_a_loaded_state_goes_on_the_same(inputs: list[Input], at: int) -> None:
    state, first = LOGIC.step(LOGIC.initial(), batch_of(inputs[:at]))
    body = LOGIC.dump(state)
    loaded = LOGIC.load(body, 1)
    assert LOGIC.dump(loaded) == body
    loaded, second = LOGIC.step(loaded, batch_of(inputs[at:]))
    assert (LOGIC.dump(loaded), first + second) == run(inputs, [])


@steady
@given(inputs=feeds)
def test_deciding_changes_nothing(inputs: list[Input]) -> None:
    state, _ = LOGIC.step(LOGIC.initial(), batch_of(inputs))
    body, due = LOGIC.dump(state), list(state.due)
    for item in inputs:
        LOGIC.decide(state, item)
    assert (LOGIC.dump(state), state.due) == (body, due)


TEXT = "A1 B1 A2 B2! Aq1 Bq2 As4 Ad5-6 Bd5-6 Ad9-9 A4 C1 C6 B3 A- @20 Bd7-8 B4 T31 C7 Ag A'9"


def state_and_outputs() -> str:
    state, outputs = LOGIC.step(LOGIC.initial(), batch_of(Scribe().write(TEXT)))
    return LOGIC.dump(state).hex() + told(outputs)


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    code = "from tests.pipelines.market.test_laws import state_and_outputs as f; print(f())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == state_and_outputs()


def test_the_text_above_reaches_what_it_should() -> None:
    _, outputs = LOGIC.step(LOGIC.initial(), batch_of(Scribe().write(TEXT)))
    assert {"gap", "div", "ok:", "A>B", "sta", "dea"} <= {
        word[:3] for word in told(outputs).split()
    }
