"""Figures of the machine: what `/proc` says, in base units; nothing where it says nothing."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

from connectors.metrics import declared, host
from connectors.metrics.kinds import REGISTRY

STAT = "cpu  200 0 100 1000 50 0 10 0 0 0\ncpu0 1 1 1 1\n"
MEMINFO = "MemTotal: 2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\nSwapFree: 512 kB\n"
DEV = """Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
  eth0: 700 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0
"""
IO = "rchar: 1\nwchar: 2\nread_bytes: 30\nwrite_bytes: 40\ncancelled_write_bytes: 0\n"


def test_what_proc_says_in_base_units() -> None:
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    assert host.cpu(STAT)["user",] == 200 * tick_s
    assert host.cpu(STAT)["idle",] == 1000 * tick_s
    assert host.memory(MEMINFO) == {
        ("total",): 2048 * 1024,
        ("available",): 1024 * 1024,
        ("swap_free",): 512 * 1024,
    }
    assert host.network(DEV) == {("eth0", "received"): 700, ("eth0", "sent"): 900}
    assert host.io(IO) == {("read",): 30, ("written",): 40}
    assert host.load("0.25 0.5 0.75 1/200 17\n") == {(): 0.25}


def test_this_machine_is_shown(tmp_path: Path) -> None:
    host.show()
    try:
        assert declared.PROCESS_THREADS.read()[()] >= threading.active_count(), "and native ones"
        memory = declared.HOST_MEMORY.read()
        assert 0 < memory["available",] < memory["total",]
        host.show(tmp_path)
        assert declared.HOST_CPU.read() == {}, "no /proc: no figures"
    finally:
        host.show()


def test_a_collection_counts_as_a_pause() -> None:
    host.show()
    before = _paused()
    gc.collect()
    assert _paused() > before
    assert gc.callbacks.count(host._collected) == 1, "shown twice, counted once"


def _paused() -> float:
    labels = {"generation": "2"}
    return REGISTRY.get_sample_value("tape_gc_pause_seconds_total", labels) or 0.0
