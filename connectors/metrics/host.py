"""Figures of the machine and of this process beyond what the client library has, read at a scrape
from Linux' `/proc`; elsewhere there are none.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from connectors.metrics import declared
from connectors.metrics.kinds import Rows

PROC: Final = Path("/proc")
MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
KILO: Final = 1_024


def show(proc: Path = PROC) -> None:
    """Shows them from here on."""
    declared.HOST_CPU.read = lambda: _safely(proc / "stat", cpu)
    declared.HOST_MEMORY.read = lambda: _safely(proc / "meminfo", memory)
    declared.HOST_LOAD.read = lambda: _safely(proc / "loadavg", load)
    declared.HOST_NETWORK.read = lambda: _safely(proc / "net" / "dev", network)
    declared.PROCESS_IO.read = lambda: _safely(proc / "self" / "io", io)
    declared.PROCESS_THREADS.read = lambda: _safely(proc / "self" / "status", threads)
    if _collected not in gc.callbacks:
        gc.callbacks.append(_collected)


def _safely(file: Path, rows: Callable[[str], Rows]) -> Rows:
    """Nothing where there is no such file, or it may not be read."""
    try:
        return rows(file.read_text())
    except OSError:
        return {}


def cpu(text: str) -> Rows:
    """Seconds since the machine started, by what its CPUs did; guests count as users there."""
    ticks = text.splitlines()[0].split()[1:]
    each_s = 1 / os.sysconf("SC_CLK_TCK")
    return {(mode,): int(n) * each_s for mode, n in zip(MODES, ticks, strict=False)}


def memory(text: str) -> Rows:
    found = dict(_named(text))
    wanted = {"total": "MemTotal", "available": "MemAvailable", "swap_free": "SwapFree"}
    return {(kind,): int(found[name].split()[0]) * KILO for kind, name in wanted.items()}


def load(text: str) -> Rows:
    return {(): float(text.split(maxsplit=1)[0])}


def network(text: str) -> Rows:
    """Bytes since the machine started, without loopback."""
    rows: dict[tuple[str, ...], int] = {}
    for device, counts in _named(text):
        if device != "lo":
            numbers = counts.split()
            rows[device, "received"], rows[device, "sent"] = int(numbers[0]), int(numbers[8])
    return rows


def io(text: str) -> Rows:
    """Bytes that really went to or came from a disk."""
    found = dict(_named(text))
    return {("read",): int(found["read_bytes"]), ("written",): int(found["write_bytes"])}


def threads(text: str) -> Rows:
    return {(): int(dict(_named(text))["Threads"])}


def _named(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon:
            yield name.strip(), rest.strip()


_begun_s = [0.0]


def _collected(phase: str, info: dict[str, Any]) -> None:
    """Called by the garbage collector, which stops everything else meanwhile."""
    if phase == "start":
        _begun_s[0] = time.perf_counter()
    else:
        _paused[info["generation"]].inc(time.perf_counter() - _begun_s[0])


_paused: Final = [declared.GC_PAUSE.labels(str(number)) for number in range(3)]
