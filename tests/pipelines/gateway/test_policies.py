"""Gate, budget, breaker, inquiry and scopes: each by its rows, and by what no sequence may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gateway import breaker, gate, scopes
from pipelines.gateway.breaker import FAILURES_MAX, OPEN_NS, WINDOW_NS, Breaker
from pipelines.gateway.budget import SECOND_NS, Budget
from pipelines.gateway.gate import STEPS, Gate, GateBroken
from pipelines.gateway.resolution import Inquiry, full, not_found, question, unanswered
from pipelines.gateway.scopes import States
from schemas.events import (
    ControlSource,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
)
from tests.pipelines.gateway.orders import ACCOUNT, BTC, approved

MS = 1_000_000


def through(recv_window_ms: int = 1000, error_ns: int = 0) -> Gate:
    """A gate up to its wait."""
    found = gate.fenced(0)
    for step in ("LOG_READ", "CAPS_LOADED"):
        found = gate.passed(found, step)
    return gate.clock_known(found, recv_window_ms, error_ns)


def test_the_gate_opens_after_every_step_in_order() -> None:
    found = gate.waited(through(), 2_000 * MS)
    for step in STEPS[5:]:
        assert not found.ready
        found = gate.passed(found, step)
    assert found.ready
    assert found.waits_for is None


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_no_other_sequence_opens_it(steps: list[str]) -> None:
    found, done = Gate(), 0
    for step in steps:
        if step == STEPS[done]:
            found, done = gate.passed(found, step), done + 1
        else:
            with pytest.raises(GateBroken):
                gate.passed(found, step)
        if done == len(STEPS):
            break
    assert found.ready == (done == len(STEPS))


def test_the_wait_is_the_window_a_future_stamp_and_the_clocks_error() -> None:
    found = through(recv_window_ms=1500, error_ns=7 * MS)
    assert gate.remaining_ns(found, 0) == 2_507 * MS
    with pytest.raises(GateBroken, match="not over"):
        gate.waited(found, 2_507 * MS - 1)
    assert gate.waited(found, 2_507 * MS).waits_for == "STREAM_OPEN"


def test_a_lost_stream_asks_for_everything_after_it_again() -> None:
    found = gate.waited(through(), 9_000 * MS)
    for step in STEPS[5:]:
        found = gate.passed(found, step)
    assert gate.stream_lost(found).waits_for == "STREAM_OPEN"
    assert gate.stream_lost(Gate()) == Gate()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, SECOND_NS // 8)), max_size=60))
def test_no_sequence_exceeds_the_budget_and_cancels_always_have_their_share(
    asks: list[tuple[bool, int]],
) -> None:
    budget, at_ns = Budget(10, 4), 0
    taken: list[tuple[bool, int]] = []
    for cancel, gap_ns in asks:
        at_ns += gap_ns
        recent = [c for c, t in taken if t > at_ns - SECOND_NS]
        if cancel:
            ok = budget.take_cancel(at_ns)
            assert ok == (len(recent) < 10)
            assert (budget.wait_ns(at_ns) == 0) or len(recent) + ok >= 10
        else:
            ok = budget.take_order(at_ns)
            assert ok == (len(recent) < 10 and recent.count(False) < 6)
        if ok:
            taken.append((cancel, at_ns))


def test_a_budget_without_a_share_for_cancels_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="kept for cancels"):
        Budget(10, 0)


def test_five_failures_in_ten_seconds_open_a_circuit_and_a_probe_closes_it() -> None:
    found = Breaker()
    for number in range(FAILURES_MAX):
        assert found.circuit(number) == "CLOSED"
        found = breaker.failed(breaker.asked(found, number), number)
    assert found.circuit(4 + OPEN_NS - 1) == "OPEN"
    assert not found.allows(4 + OPEN_NS - 1)
    probing = breaker.asked(found, 4 + OPEN_NS)
    assert not probing.allows(4 + OPEN_NS)  # one probe at a time
    assert breaker.succeeded(probing) == Breaker()
    unsent = breaker.withdrawn(probing)  # proves nothing: still half open, and free to probe
    assert unsent.circuit(4 + OPEN_NS) == "HALF_OPEN"
    assert unsent.allows(4 + OPEN_NS)
    again = breaker.failed(probing, 5 + OPEN_NS)
    assert again.circuit(5 + OPEN_NS) == "OPEN"
    assert again.circuit(5 + 2 * OPEN_NS) == "HALF_OPEN"


def test_failures_apart_or_with_answers_between_them_do_not() -> None:
    found = Breaker()
    for number in range(20):
        found = breaker.failed(found, number * WINDOW_NS // 4)
        assert found.circuit(number * WINDOW_NS // 4) == "CLOSED"


def test_two_rounds_of_three_questions_end_in_absence() -> None:
    found, at_ns, asked = Inquiry("C1", dead_ns=5_000, apart_ns=1_000), 0, []
    while not found.absent:
        now = question(found, at_ns)
        if now is None:
            assert found.round == 1
            assert question(found, 4_999) is None
            at_ns = 5_000  # the request is dead: only then the second round begins
            continue
        asked.append(now)
        found = not_found(found, f"r{len(asked)}", at_ns)
    assert asked == ["OPEN_ORDERS", "CLOSED_ORDERS", "TRADES"] * 2
    assert found.request_ids == ("r1", "r2", "r3", "r4", "r5", "r6")
    assert question(found, 10**9) is None


def test_a_failed_answer_begins_its_round_anew() -> None:
    found = not_found(Inquiry("C1", 0, 1_000), "r1", 0)
    found = unanswered(found, 10)
    assert found.request_ids == ()
    assert question(found, 1_009) is None
    assert question(found, 1_010) == "OPEN_ORDERS"


def test_a_failed_answer_behind_full_ones_leaves_nothing_of_its_round() -> None:
    found = Inquiry("C1", 0, 1_000)
    for number in range(3):
        found = not_found(found, f"a{number}", 0)
    whole = found
    found = full(not_found(found, "b0", 1), "b1", "V9", frozenset({"V9"}))
    assert (question(found, 1_000), found.after) == ("CLOSED_ORDERS", "V9")
    found = full(found, "b2", "V11", frozenset({"V11"}))
    assert found.others == {"V9", "V11"}
    assert unanswered(found, 1) == whole._replace(not_before_ns=1_001)


@given(st.lists(st.sampled_from([True] * 9 + [False]), max_size=40), st.integers(0, 5_000))
def test_nothing_is_absent_without_two_whole_rounds(answers: list[bool], dead_ns: int) -> None:
    """The last of which began when the request was dead."""
    found, at_ns, run, begun_ns, rounds = Inquiry("C1", dead_ns, 100), 0, 0, 0, 0
    for answered in answers:
        while question(found, at_ns) is None and not found.absent:
            at_ns += 50
        if found.absent:
            break
        begun_ns = at_ns if run == 0 else begun_ns
        found = not_found(found, "r", at_ns) if answered else unanswered(found, at_ns)
        run = run + 1 if answered else 0
        if run == 3:
            run, rounds = 0, rounds + 1
    assert found.absent == (rounds == 2)
    assert not found.absent or begun_ns >= dead_ns


Scope = tuple[str | None, str | None, str | None]
_WHO: tuple[ControlSource, str, str, None, int] = ("OPERATOR", "ann", "why", None, 1)
ALL: Scope = (None, None, None)
MINE: Scope = (ACCOUNT, None, None)


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        pytest.param(ALL, "STATE_HALTED", id="everything"),
        pytest.param(MINE, "STATE_HALTED", id="the account"),
        pytest.param((ACCOUNT, "s", BTC), "STATE_HALTED", id="exactly it"),
        pytest.param(("other", None, None), None, id="another account"),
        pytest.param((None, "t", None), None, id="another strategy"),
    ],
)
def test_a_scope_covers_what_it_names(scope: Scope, reason: str | None) -> None:
    account, strategy, instrument = scope
    event = TradingHalted(account, strategy, instrument, True, *_WHO)
    assert scopes.refusal(scopes.evolve(States(), event), approved()) == reason


def test_the_strictest_state_decides_and_stays_until_its_own_scope_is_resumed() -> None:
    events = [
        (TradingHalted(None, None, None, True, *_WHO), "STATE_HALTED"),
        (TradingPaused(ACCOUNT, None, None, *_WHO), "STATE_HALTED"),
        (TradingReduced(None, None, None, *_WHO), "STATE_HALTED"),
        (TradingResumed(None, None, None, *_WHO), "STATE_PAUSED"),
        (TradingResumed(ACCOUNT, None, None, *_WHO), None),
    ]
    states = States()
    for event, reason in events:
        states = scopes.evolve(states, event)
        assert scopes.refusal(states, approved()) == reason


def test_what_is_paused_may_still_be_left() -> None:
    states = scopes.evolve(States(), TradingPaused(None, None, None, *_WHO))
    assert scopes.refusal(states, approved()) == "STATE_PAUSED"
    assert scopes.refusal(states, approved(side="SELL")) is None
