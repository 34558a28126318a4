"""Which loopback ports the stack listens on.

A port asked for by number is that port or an error. Any other port prefers the one used before
(clients keep its address), then the default, then any free one. Those are drawn from below the
range that systems give to outgoing connections: a client that keeps calling a dead broker on a port
of that range is in the end connected to itself, and the broker can never have its port back.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from typing import NamedTuple

from ops.stack.errors import PortTaken

HOST = "127.0.0.1"
ANY = 0
_DRAWN = range(20000, 32000)
_METRICS = range(32000, 32768)  # apart from those: what one draws, the other may not have bound


class Ports(NamedTuple):
    """One port per listener."""

    kafka: int
    controller: int
    registry: int


class Wanted(NamedTuple):
    """What the caller asks for: None leaves the choice to `choose`, a number is insisted on."""

    kafka: int | None = None
    controller: int | None = None
    registry: int | None = None


DEFAULT = Ports(kafka=19092, controller=19093, registry=18081)
FREE = Ports(kafka=ANY, controller=ANY, registry=ANY)


def is_taken(port: int) -> bool:
    """Whether something listens on this loopback port (or on every address)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def choose(
    wanted: Wanted, before: Ports | None, otherwise: Ports = DEFAULT, kept: Ports = FREE
) -> Ports:
    """One port per listener: those `kept` (our own parts listen there) and others that are free.

    Raises `PortTaken` for a taken port that was insisted on.
    """
    chosen: list[int] = []
    for index, name in enumerate(Ports._fields):
        asked, known = wanted[index], before[index] if before else ANY
        if kept[index]:
            chosen.append(kept[index])
        elif asked is None:
            chosen.append(_first_free((known, otherwise[index]), chosen))
        elif asked in chosen or is_taken(asked):
            raise PortTaken(
                f"port {asked} ({name}) is taken by something else: free it, set "
                f"TAPE_STACK__{name.upper()}_PORT to another, or leave it unset"
            )
        else:
            chosen.append(asked)
    return Ports(*chosen)


def reserve() -> socket.socket:
    """A port for a process to be started, and again: bound here, so that nobody else is given it,
    not listening, so that whoever binds it with SO_REUSEPORT gets every connection. Raises
    `PortTaken`.
    """
    for port in random.SystemRandom().sample(_METRICS, len(_METRICS)):
        if is_taken(port):
            continue
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind((HOST, port))
        except OSError:
            held.close()
            continue
        return held
    raise PortTaken(f"every loopback port from {_METRICS.start} to {_METRICS.stop - 1} is taken")


def free_ports(count: int) -> list[int]:
    """So many ports that are free now. Raises `PortTaken`."""
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(_first_free((), chosen))
    return chosen


def _first_free(preferred: Sequence[int], chosen: list[int]) -> int:
    for port in preferred:
        if port and port not in chosen and not is_taken(port):
            return port
    for port in random.SystemRandom().sample(_DRAWN, len(_DRAWN)):
        if port not in chosen and not is_taken(port):
            return port
    raise PortTaken(f"every loopback port from {_DRAWN.start} to {_DRAWN.stop - 1} is taken")
