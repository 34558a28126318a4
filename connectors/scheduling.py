"""How long this process runs before another one gets its turn.

A tick goes through half a dozen processes and the broker, each woken by the one before, and on a
busy machine it mostly waits for their turns: Linux lets whoever runs finish a slice of up to 3 ms
first, unless the one just woken asks for shorter slices than that. Everything of a desk does, which
takes a quarter off the way from tick to signal (docs/benchmarks.md).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from typing import Final

SLICE_NS: Final = 400_000
# Linux's sched_setattr, for which older C libraries have no name, and what it takes: size, policy,
# flags, nice, priority, runtime, deadline, period.
_NUMBERS: Final = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")


def short_turns() -> bool:
    """Asks for slices of `SLICE_NS`, for this thread and all that it starts from here on, programs
    too; no privilege is needed. False where it cannot be asked for: on another system, or under a
    policy that somebody chose. Linux before 6.12 says yes and does nothing.
    """
    number = _NUMBERS.get(platform.machine()) if sys.platform == "linux" else None
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, asked, 0) == 0)
