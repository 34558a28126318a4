"""The gateway's state on the log: from time to time, in a transaction of its own after everything
that it covers, so that a start reads what came later alone.

It is never the truth: without it, or with one of another form, the same state is read from the
beginning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from connectors.epochs.snapshots import CHUNK_BYTES
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import place_of
from connectors.signing import Scope
from pipelines.gateway import saved
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.reports import Reader
from pipelines.gateway.scopes import States
from pipelines.logic import StateVersionError
from schemas.codec import Codec
from schemas.events import StateSnapshotted

SNAPSHOTS: Final = "gateway.snapshots.v1"
NAME: Final = "gateway"
DEADLINE_S: Final = 30.0
_REACH: Final = 16


class Saved(NamedTuple):
    """What a start needs. `positions`: by partition, the first offset that is not covered; none
    where everything is to be read. `scope` None: not known yet.
    """

    fold: OrderFold
    states: States = States()
    scope: Scope | None = None
    breaks: frozenset[str] = frozenset()
    positions: Mapping[Tp, int] = {}


def encode(state: Saved) -> bytes:
    """The canonical bytes, positions and all."""
    return saved.text(_values(state))


def decode(body: bytes, version: int, reader: Reader) -> Saved:
    """Raises `StateVersionError` for another form."""
    found = json.loads(body)
    fold = saved.restored(found["fold"], version, reader)
    latched = {(a, s, i): n for a, s, i, n in found["latched"]}
    positions = {Tp(topic, partition): at for topic, partition, at in found["positions"]}
    breaks = frozenset(found["breaks"])
    return Saved(fold, States(latched), Scope(*found["scope"]), breaks, positions)


def cut(body: bytes, sequence: int) -> list[StateSnapshotted]:
    """The records of one snapshot; `sequence` rises from one to the next."""
    parts = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
    return [
        StateSnapshotted(NAME, 0, sequence, saved.VERSION, index, len(parts), part)
        for index, part in enumerate(parts)
    ]


def records_of(state: Saved) -> Callable[[Mapping[Tp, int]], Sequence[StateSnapshotted]]:
    """The state of now as records, once it is known where what it covers ends. The fold goes on:
    its values are taken at once.
    """
    frozen = _values(state)

    def made(ends: Mapping[Tp, int]) -> Sequence[StateSnapshotted]:
        positions = {**state.positions, **ends}
        body = {**frozen, "positions": _positions(positions)}
        return cut(saved.text(body), sum(positions.values()))

    return made


def newest(log: Log, codec: Codec, account: str, reader: Reader) -> Saved | None:
    """The last snapshot of an account that this code can read; None if there is none."""
    key = account.encode()
    tp = place_of(log, SNAPSHOTS, key)
    low, end = log.bounds(tp)
    start = end
    while start > low:
        start = max(low, end - _REACH * max(1, end - start))
        messages = [m for m in log.read(tp, start, end, DEADLINE_S) if m.key() == key]
        for chunks in reversed(list(whole(codec, messages))):
            try:
                return decode(joined(chunks), chunks[0].state_version, reader)
            except StateVersionError:
                continue
    return None


def whole(codec: Codec, messages: Iterable[Message]) -> Iterator[Sequence[StateSnapshotted]]:
    """The snapshots of which every chunk is there, oldest first."""
    found: dict[int, list[StateSnapshotted]] = {}
    for message in messages:
        chunk: Any = codec.decode(message.value())
        found.setdefault(chunk.sequence, []).append(chunk)
    return (chunks for chunks in found.values() if len(chunks) == chunks[0].chunks)


def joined(chunks: Sequence[StateSnapshotted]) -> bytes:
    return b"".join(chunk.body for chunk in chunks)


def _values(state: Saved) -> dict[str, Any]:
    assert state.scope is not None, "no log without a name is traded on"
    return {
        "fold": saved.values(state.fold),
        "latched": sorted(([*scope, n] for scope, n in state.states.latched.items()), key=str),
        "scope": list(state.scope),
        "breaks": sorted(state.breaks),
        "positions": _positions(state.positions),
    }


def _positions(found: Mapping[Tp, int]) -> list[list[Any]]:
    return sorted([*tp, at] for tp, at in found.items() if tp.topic != SNAPSHOTS)
