"""Deciding anew over recorded inputs, while the state follows what really happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.logic import Batch, Logic, Output, Position, S


def followed(
    logic: Logic[S], state: S, batch: Batch, recorded: Mapping[Position, Sequence[Output]]
) -> tuple[S, list[Output]]:
    """The state after a batch and its recorded outputs, by cause; and what the logic would have
    put out.
    """
    would = list(batch.errors)
    for letter in batch.errors:
        state = _after(logic, state, recorded.get(letter.position, ()))
    for item in batch.rows():
        would += logic.decide(state, item)
        state = logic.evolve(state, item)
        state = _after(logic, state, recorded.get(item.position, ()))
    return state, would


def _after(logic: Logic[S], state: S, outputs: Sequence[Output]) -> S:
    for output in outputs:
        state = logic.evolve(state, output)
    return state
