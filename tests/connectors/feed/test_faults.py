"""Faults are a pure function of seed, connection and frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feed.faults import KINDS, Act, BadFault, FaultPlan, Faults, Step, parse_faults

FRAMES = [b'{"stream":"s","data":%d}' % number for number in range(200)]
ALL = Faults(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, delay_s=0.01, silence_s=0.02)


def play(faults: Faults, seed: int, connection: int) -> list[list[Step]]:
    plan = FaultPlan(faults, seed, connection)
    return [plan.steps(frame) for frame in FRAMES]


@given(st.integers(0, 1 << 40), st.integers(0, 1000))
def test_same_seed_and_connection_same_faults(seed: int, connection: int) -> None:
    assert play(ALL, seed, connection) == play(ALL, seed, connection)


def test_another_connection_or_seed_other_faults() -> None:
    assert play(ALL, 1, 1) != play(ALL, 1, 2)
    assert play(ALL, 1, 1) != play(ALL, 2, 1)


def test_known_draw() -> None:
    """The draws must not change with the process, PYTHONHASHSEED or a version of Python."""
    plan = FaultPlan(Faults(loss=0.05), 7, 1)
    lost = [at for at, frame in enumerate(FRAMES) if not plan.steps(frame)]
    assert lost == [23, 27, 40, 55, 59, 70, 82, 121, 129, 153, 185, 188]


def test_one_probability_does_not_move_the_others() -> None:
    def lost(faults: Faults) -> list[int]:
        steps = play(faults, 3, 1)
        return [at for at, some in enumerate(steps) if Step(Act.SEND, FRAMES[at]) not in some]

    assert lost(Faults(loss=0.1)) == lost(Faults(loss=0.1, garbage=0.5, delay=0.3))


@pytest.mark.parametrize(
    ("faults", "acts"),
    [
        pytest.param(Faults(), [Act.SEND], id="none"),
        pytest.param(Faults(loss=1), [], id="loss"),
        pytest.param(Faults(delay=1), [Act.WAIT, Act.SEND], id="delay"),
        pytest.param(Faults(duplication=1), [Act.SEND, Act.SEND], id="duplication"),
        pytest.param(Faults(disconnect=1), [Act.DISCONNECT], id="disconnect"),
        pytest.param(Faults(silence=1), [Act.SILENCE], id="silence"),
        pytest.param(Faults(garbage=1), [Act.SEND, Act.SEND], id="garbage comes before the frame"),
    ],
)
def test_each_fault(faults: Faults, acts: list[Act]) -> None:
    plan = FaultPlan(faults, 0, 1)
    steps = plan.steps(FRAMES[0])
    assert [step.act for step in steps] == acts
    assert plan.harmless == (faults == Faults())
    assert [kind for kind in KINDS if plan.counts[kind]] == [
        kind for kind, chance in zip(KINDS, faults, strict=False) if chance
    ]


def test_frequencies_are_the_probabilities() -> None:
    plan = FaultPlan(Faults(loss=0.2, garbage=0.05), 5, 1)
    for _ in range(20_000):
        plan.steps(b"{}")
    assert 0.18 < plan.counts["loss"] / 20_000 < 0.22
    assert 0.04 < plan.counts["garbage"] / 20_000 < 0.06


def test_parse() -> None:
    assert parse_faults("") == Faults()
    assert parse_faults("loss=0.01, delay=0.5:0.1,silence=0.001:30") == Faults(
        loss=0.01, delay=0.5, silence=0.001, delay_s=0.1, silence_s=30.0
    )


@pytest.mark.parametrize(
    "text",
    ["lost=0.1", "loss", "loss=2", "loss=-1", "loss=x", "loss=0.1:3", "delay_s=1", "loss=nan"],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(BadFault):
        parse_faults(text)
