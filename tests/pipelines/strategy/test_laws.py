"""The laws over generated trades, quotes and clock ticks, for signals of every shape.

1. step == fold, outputs and state, bit for bit, in columns and in rows
2. the same outputs and state wherever epochs are cut
3. one shard or several: each key's outputs are equal, ids included
4. a state that was dumped and loaded goes on the same; equal states give equal bytes
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.logic import Input, Output, fold
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.testing import run
from tests.pipelines.batches import batch_of
from tests.pipelines.strategy.events import CLOCK, records
from tests.pipelines.strategy.signals import columns, rows

LOGICS = [pytest.param(columns(), id="columns"), pytest.param(rows(), id="rows")]
steady = settings(deadline=None, max_examples=60)  # the machine may be busy
SIZES = st.lists(st.integers(0, 12), max_size=6)


def folded(inputs: list[Input]) -> tuple[bytes, list[Output]]:
    logic = rows()
    state, outputs = fold(logic, logic.initial(), iter(inputs))
    return logic.dump(state), outputs


@pytest.mark.parametrize("logic", LOGICS)
@steady
@given(inputs=records)
def test_step_is_the_fold(logic: StrategyLogic, inputs: list[Input]) -> None:
    assert run(logic, inputs) == folded(inputs)


@pytest.mark.parametrize("logic", LOGICS)
@steady
@given(inputs=records, sizes=SIZES)
def test_cuts_change_nothing(logic: StrategyLogic, inputs: list[Input], sizes: list[int]) -> None:
    assert run(logic, inputs, sizes) == folded(inputs)


@steady
@given(inputs=records, sizes=SIZES)
def test_shards_change_nothing(inputs: list[Input], sizes: list[int]) -> None:
    _, whole = folded(inputs)
    for shard in (0, 1):
        own = [i for i in inputs if i.position.topic == CLOCK or i.position.partition % 2 == shard]
        keys = {i.key.decode() for i in own if i.key}
        _, outputs = run(columns(), own, sizes)
        assert outputs == [output for output in whole if output.key in keys]


@steady
@given(inputs=records, at=st.integers(0, 40))
def test_a_loaded_state_goes_on_the_same(inputs: list[Input], at: int) -> None:
    logic = columns()
    state, _ = logic.step(logic.initial(), batch_of(inputs[:at]))
    body = logic.dump(state)
    loaded = columns().load(body, 1)
    assert loaded == state
    assert logic.dump(loaded) == body
    rest = batch_of(inputs[at:])
    _, expected = logic.step(state, rest)
    after, outputs = columns().step(loaded, rest)
    assert outputs == expected
    assert logic.dump(after) == logic.dump(state)


@steady
@given(inputs=records)
def test_bytes_do_not_depend_on_the_order_of_instruments(inputs: list[Input]) -> None:
    by_instrument = sorted(inputs, key=lambda item: item.key)
    alone = [item for item in by_instrument if item.position.topic != CLOCK]
    mixed = [item for item in inputs if item.position.topic != CLOCK]
    assert run(columns(), alone)[0] == run(columns(), mixed)[0]


@steady
@given(inputs=records)
def test_decide_changes_nothing(inputs: list[Input]) -> None:
    logic = columns()
    state, _ = logic.step(logic.initial(), batch_of(inputs))
    before = logic.dump(state)
    for item in inputs:
        logic.decide(state, item)
    assert logic.dump(state) == before
