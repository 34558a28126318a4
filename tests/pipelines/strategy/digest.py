"""Prints a digest of what the strategy pipeline makes of a fixed walk: `python -m … CUT`."""

from __future__ import annotations

import sys
from hashlib import sha256
from itertools import cycle, islice
from typing import Any

from pipelines.batches import cut, inputs_of, local_codec
from pipelines.logic import Input
from pipelines.strategy.testing import quotes, trades
from schemas.events import ClockTick
from tests.pipelines.strategy.signals import columns

COUNT = 3_000


def walk() -> list[Input]:
    """Trades and quotes of 40 instruments and clock ticks, from a small linear congruence."""
    number, units = 1, [10**6] * 40
    events: list[Any] = []
    for at in range(COUNT):
        number = (1_103_515_245 * number + 12_345) % 2**31
        which = (number >> 8) % 40
        units[which] += (number >> 16) % 201 - 100
        name = f"S{which}.BINANCE"
        if at % 50 == 0:
            events.append(ClockTick(at))
        elif at % 3:
            events.append(trades([f"{units[which] / 1000:.3f}"], name)[0])
        else:
            events.append(quotes([(str(number % 97), str(number % 89))], name)[0])
    return inputs_of(events, "md.trade.v1")


def digest(size: int) -> str:
    logic, encode = columns(), local_codec().encode
    state, found = logic.initial(), sha256()
    inputs = walk()
    for batch in cut(inputs, list(islice(cycle([size]), len(inputs) // size))):
        state, outputs = logic.step(state, batch)
        for output in outputs:
            found.update(repr((output.position, output.key)).encode())
            found.update(encode(output.event))
    found.update(logic.dump(state))
    return found.hexdigest()


if __name__ == "__main__":
    print(digest(int(sys.argv[1])))
