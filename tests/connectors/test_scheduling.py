"""Short turns, asked of the Linux that runs this.

1. A process that asks has them, and so has what it starts; its niceness stays. A kernel older than
   6.12 keeps its own.
2. A policy that somebody chose is left alone.
3. Whatever runs by `tape` asks.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.scheduling import SLICE_NS

ROOT = Path(__file__).parents[2]
NUMBERS = {"x86_64": 315, "aarch64": 275}
ATTRIBUTES = struct.Struct("=IIQiIQQQ")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in NUMBERS, reason="Linux has these turns"
)


def granted() -> tuple[int, int]:
    """This thread's niceness and slice in nanoseconds, as the kernel tells it."""
    found = ctypes.create_string_buffer(ATTRIBUTES.size)
    asked = NUMBERS[platform.machine()], 0, found, ATTRIBUTES.size, 0
    assert ctypes.CDLL(None).syscall(*asked) == 0
    _, _, _, nice, _, slice_ns, _, _ = ATTRIBUTES.unpack(found.raw)
    return nice, slice_ns


def said(code: str) -> list[str]:
    """By a process of its own, for what it asks would stay with this one."""
    command = [sys.executable, "-c", f"import os, subprocess, sys\n{code}"]
    return subprocess.check_output(command, cwd=ROOT, text=True).split()


def wanted(before_ns: int) -> int:
    major, minor = (int(part) for part in platform.release().split(".")[:2])
    return SLICE_NS if (major, minor) >= (6, 12) else before_ns


IN_CHILD = (
    "print(subprocess.check_output([sys.executable, '-c', "
    "'from tests.connectors.test_scheduling import granted; print(*granted())'], text=True))"
)


def test_a_process_and_what_it_starts() -> None:
    nice, before_ns = granted()
    asking = "from connectors.scheduling import short_turns\nos.nice(3)\nprint(short_turns())\n"
    assert said(asking + IN_CHILD) == ["True", str(nice + 3), str(wanted(before_ns))]


def test_a_policy_of_somebodys_choice_stays() -> None:
    asking = (
        "from connectors.scheduling import short_turns\n"
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))\n"
        "print(short_turns(), os.sched_getscheduler(0) == os.SCHED_BATCH)"
    )
    assert said(asking) == ["False", "True"]


def test_all_that_tape_runs_asks() -> None:
    _, before_ns = granted()
    asking = "from ops.cli import _begin\n_begin()\n"
    assert said(asking + IN_CHILD)[1] == str(wanted(before_ns))
