"""The laws, over random records of two accounts.

1. step == fold, outputs and state
2. the same outputs and state wherever epochs are cut, and through a snapshot at any point
3. one shard or one per account: each account's outputs are equal, where limits name accounts only
4. equal states give equal bytes, in every process; deciding changes nothing
5. what is summed up equals what is counted again from the beginning
"""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pipelines.dead_letters import UnreadableRecord
from pipelines.exact import EXACTLY
from pipelines.logic import Input, Output, StateVersionError, fold
from pipelines.risk import saved
from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import RiskState
from schemas.events import DeadLettered, LimitsChanged, OrderApproved, OrderDenied
from tests.pipelines.batches import batch_of, cut
from tests.pipelines.risk.records import ACCOUNTS, TIGHT, TOPICS, beginning, histories, placed
from tests.pipelines.risk.rig import limits_of, request

LOGIC = RiskLogic()
SIZES = st.lists(st.integers(0, 20), max_size=6)
steady = settings(deadline=None, max_examples=150)


def run(inputs: list[Input], sizes: list[int]) -> tuple[bytes, list[Output]]:
    state, outputs = LOGIC.initial(), []
    for batch in cut(inputs, sizes):
        state, found = LOGIC.step(state, batch)
        outputs += found
    return LOGIC.dump(state), outputs


@steady
@given(inputs=histories)
def test_step_is_the_fold(inputs: list[Input]) -> None:
    state, outputs = fold(LOGIC, LOGIC.initial(), iter(inputs))
    assert run(inputs, []) == (LOGIC.dump(state), outputs)


@steady
@given(inputs=histories)
def test_one_record_at_a_time_is_the_fold(inputs: list[Input]) -> None:
    state = LOGIC.initial()
    outputs = [output for item in inputs for output in LOGIC.follow(state, item)]
    assert (LOGIC.dump(state), outputs) == run(inputs, [])


@steady
@given(inputs=histories, sizes=SIZES)
def test_cuts_change_nothing(inputs: list[Input], sizes: list[int]) -> None:
    assert run(inputs, sizes) == run(inputs, [])


@steady
@given(inputs=histories, at=st.integers(0, 70))
def test_a_loaded_state_goes_on_the_same(inputs: list[Input], at: int) -> None:
    state, first = LOGIC.step(LOGIC.initial(), batch_of(inputs[:at]))
    body = LOGIC.dump(state)
    loaded = LOGIC.load(body, 1)
    assert LOGIC.dump(loaded) == body
    loaded, second = LOGIC.step(loaded, batch_of(inputs[at:]))
    assert (LOGIC.dump(loaded), first + second) == run(inputs, [])


def by_account(item: Input) -> Input:
    """Limits that name the accounts, instead of the desk."""
    if not isinstance(item.event, LimitsChanged):
        return item
    version = item.event.limits_version
    each = [limits_of(TIGHT, version, (account, None)) for account in ACCOUNTS]
    limits = tuple(limit for one in each for limit in one.limits)
    return item._replace(event=each[0]._replace(limits=limits))


@steady
@given(inputs=histories)
def test_shards_change_nothing(inputs: list[Input]) -> None:
    inputs = list(map(by_account, inputs))
    _, whole = run(inputs, [])
    for number, account in enumerate(ACCOUNTS):
        own = [i for i in inputs if not is_keyed(i) or i.position.partition == number]
        found = [output for output in run(own, [])[1] if output.key == account]
        assert found == [output for output in whole if output.key == account]


def is_keyed(item: Input) -> bool:
    return item.position.topic in (TOPICS["event"], TOPICS["request"])


@steady
@given(inputs=histories)
def test_deciding_changes_nothing(inputs: list[Input]) -> None:
    state, _ = LOGIC.step(LOGIC.initial(), batch_of(inputs))
    body = LOGIC.dump(state)
    for item in inputs:
        LOGIC.decide(state, item)
    assert LOGIC.dump(state) == body


def sums(state: RiskState) -> list[Any]:
    """What is derived: rebuilt on loading, kept running in between."""
    with localcontext(EXACTLY):
        return [
            sorted(
                (str(k), v.long_qty + 0, v.max_qty) for k, v in state.nets.items() if v.long_qty
            ),
            sorted((k, v.reserved + 0) for k, v in state.funds.items() if v.reserved),
            sorted(
                (str(k), v.open_orders, v.exposure + 0, v.bounds)
                for k, v in state.levels.items()
                if v.open_orders or v.exposure
            ),
            sorted(
                (k, v.open_buy + 0, v.open_sell + 0, v.state)
                for k, v in state.cells.items()
                if v.open_buy or v.open_sell
            ),
            sorted((k, best(v.buys), best(v.sells)) for k, v in state.resting.items()),
        ]


def best(side: Any) -> tuple[Decimal | None, int]:
    return side.heap[0][1] if side.heap else None, side.live


@steady
@given(inputs=histories)
def test_running_sums_equal_those_counted_again(inputs: list[Input]) -> None:
    state, _ = LOGIC.step(LOGIC.initial(), batch_of(inputs))
    again = sums(LOGIC.load(LOGIC.dump(state), 1))
    again[-1] = [kept for kept in again[-1] if kept[1][1] or kept[2][1]]
    now = sums(state)
    now[-1] = [kept for kept in now[-1] if kept[1][1] or kept[2][1]]
    assert now == again


@pytest.mark.parametrize("wanted", ["APPROVED", "ORDERS_OPEN", "SELF_MATCH", "EXPOSURE_ABOVE_MAX"])
def test_the_histories_reach_what_they_should(wanted: str) -> None:
    def reaches(inputs: list[Input]) -> bool:
        events = [output.event for output in run(inputs, [])[1]]
        approved = any(isinstance(e, OrderApproved) for e in events)
        reasons = {e.reason for e in events if isinstance(e, OrderDenied)}
        return approved if wanted == "APPROVED" else wanted in reasons

    find(
        histories,
        reaches,
        settings=settings(max_examples=5_000, deadline=None, phases=[Phase.generate]),
    )


def story() -> str:
    """Outputs and state of a fixed history, as text."""
    orders = [request(f"{a}.{n}", "BUY", "1", "100") for a in ACCOUNTS for n in range(9)]
    asked = [("request", o._replace(account=o.cl_ord_id[:5])) for o in orders]
    body, outputs = run(placed(beginning() + asked, [1] * 60), [])
    return body.hex() + repr(outputs)


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    code = "from tests.pipelines.risk.test_laws import story; print(story())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == story()


def test_a_record_that_cannot_be_read_halts() -> None:
    [good] = placed(beginning()[:1], [1])
    letter = DeadLettered("UNDECODABLE", "risk", *good.position, 1, b"", b"", 0)
    error = Output(good.position, 1, "ops.control.v1.dlq", "", letter, "no schema frame")
    with pytest.raises(UnreadableRecord, match=r"--skip ops.control.v1/0/0 --reason"):
        LOGIC.step(LOGIC.initial(), batch_of([], [error]))


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(StateVersionError):
        LOGIC.load(b"{}", saved.VERSION + 1)
