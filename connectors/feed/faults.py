"""What goes wrong on a connection, decided by a seed: pure, so that a failure can be repeated.

Each fault has a probability per frame. The same seed, connection number and sequence of frames give
the same faults; and since every frame draws the same numbers, changing one probability leaves the
places of the others as they were.
"""

from __future__ import annotations

import random
from collections import Counter
from enum import Enum
from typing import NamedTuple

from schemas.errors import TapeError

FOR_EVER_S = float("inf")


class BadFault(TapeError):
    """A fault that does not exist, or a probability that is none."""


class Faults(NamedTuple):
    """Probabilities per frame, and how long a delay and a silence last (seconds)."""

    loss: float = 0.0
    delay: float = 0.0
    duplication: float = 0.0
    disconnect: float = 0.0
    silence: float = 0.0
    garbage: float = 0.0
    delay_s: float = 0.2
    silence_s: float = FOR_EVER_S


KINDS = Faults._fields[:6]


def parse_faults(text: str) -> Faults:
    """`loss=0.01,delay=0.001:0.5` (probability, for delay and silence with `:seconds`).

    Raises `BadFault`.
    """
    values: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.strip().partition("=")
        chance, _, seconds = value.partition(":")
        if name not in KINDS or (seconds and f"{name}_s" not in Faults._fields):
            raise BadFault(f"unknown fault {part!r}: name=probability of {', '.join(KINDS)}")
        values[name] = _number(chance, part, 1.0)
        if seconds:
            values[f"{name}_s"] = _number(seconds, part, FOR_EVER_S)
    return Faults(**values)


def _number(text: str, part: str, largest: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= largest:
        raise BadFault(f"fault {part!r}: {text!r} is not a number in [0, {largest:g}]")
    return number


class Act(Enum):
    SEND = "send"
    WAIT = "wait"  # hold this frame and all behind it
    SILENCE = "silence"  # send nothing at all, discard what comes
    DISCONNECT = "disconnect"  # without a closing handshake


class Step(NamedTuple):
    act: Act
    payload: bytes = b""
    seconds: float = 0.0


class FaultPlan:
    """The faults of one connection, frame by frame. `counts` says how many there were."""

    def __init__(self, faults: Faults, seed: int, connection: int) -> None:
        self._faults = faults
        self._random = random.Random(f"{seed}/{connection}")
        self.counts: Counter[str] = Counter()

    @property
    def harmless(self) -> bool:
        """No fault can ever come of this plan."""
        return not any(self._faults[: len(KINDS)])

    def steps(self, payload: bytes) -> list[Step]:
        """What to do in place of sending `payload`."""
        draw, faults = self._random.random, self._faults
        hits = {kind: draw() < chance for kind, chance in zip(KINDS, faults, strict=False)}
        junk = self._garbage(payload)  # drawn always, see the module
        self.counts.update(kind for kind in KINDS if hits[kind])
        if hits["disconnect"]:
            return [Step(Act.DISCONNECT)]
        if hits["silence"]:
            return [Step(Act.SILENCE, seconds=faults.silence_s)]
        steps = [Step(Act.SEND, junk)] if hits["garbage"] else []
        if hits["delay"]:
            steps.append(Step(Act.WAIT, seconds=faults.delay_s))
        if not hits["loss"]:
            steps += [Step(Act.SEND, payload)] * (2 if hits["duplication"] else 1)
        return steps

    def _garbage(self, payload: bytes) -> bytes:
        """A frame cut short, bytes that are no text, or JSON that means nothing."""
        kind, cut = self._random.randrange(3), self._random.random()
        noise = self._random.randbytes(24)
        if kind == 0:
            return payload[: int(cut * len(payload))]
        return b"\xff" + noise if kind == 1 else b'{"noise":"%b"}' % noise.hex().encode()
