"""What all rounds of chaos together must have met: a fault that never struck was not survived."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.simulated.faults import FAULTS
from tests.chaos.outages import KILLS

KILLED = tuple(f"SIGKILL of {name}" for name in KILLS)
FAULT_MIN, ORDERS_MIN, FILLS_MIN = 3, 500, 100


def shortfalls(counts: Mapping[str, int]) -> list[str]:
    """One line for each thing that happened too rarely; empty where nothing did."""
    wanted = {f"fault {kind}": FAULT_MIN for kind in FAULTS} | dict.fromkeys(KILLED, FAULT_MIN)
    wanted |= {"orders at the venue": ORDERS_MIN, "fills": FILLS_MIN}
    return [
        f"{name}: {counts.get(name, 0)} of {least}"
        for name, least in wanted.items()
        if counts.get(name, 0) < least
    ]
