"""What all rounds of chaos together must have met: a fault that never struck was not survived, nor
the end of a process that was never killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.simulated.faults import FAULTS
from ops.desk.plan import desk
from ops.desk.prepare import desk_file
from ops.settings import load_file
from tests.chaos.outages import KILLS

DESK: Final = desk(load_file(desk_file("tape.toml"), desk={"simulated": True}))
KILLED: Final = tuple(f"SIGKILL of {name}" for name in (*KILLS, *(one.name for one in DESK)))
FAULT_MIN, ORDERS_MIN, FILLS_MIN = 3, 500, 100
WANTED: Final = {
    **{f"fault {kind}": FAULT_MIN for kind in FAULTS},
    **dict.fromkeys(KILLED, FAULT_MIN),
    "orders at the venue": ORDERS_MIN,
    "fills": FILLS_MIN,
}


def shortfalls(counts: Mapping[str, int]) -> list[str]:
    """One line for each thing that happened too rarely; empty where nothing did."""
    return [
        f"{name}: {counts.get(name, 0)} of {least}"
        for name, least in WANTED.items()
        if counts.get(name, 0) < least
    ]
