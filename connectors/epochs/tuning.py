"""What a pipeline process asks of Python and of the C library while it runs.

The collector: CPython looks for cycles after every 700 new containers, over all of them again and
again, which takes half the time of a process that moves 20,000 records at once. Nothing on the hot
path makes cycles. So it looks when there is nothing else to do, and in the middle of work only once
there are `COLLECT_AFTER` containers more than before: memory stays bounded by that. What was loaded
at the start is never looked at again.

The allocator: glibc gives blocks over 128 kB back to the system at once, and an epoch joined is
2 MB; the page faults of getting them anew cost as much as decoding. So it keeps what it has.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Final

COLLECT_AFTER: Final = 1_000_000
COLLECT_IDLE_AFTER: Final = 20_000
MMAP_FROM_BYTES: Final = 32 * 1024 * 1024  # the most that glibc takes
KEEP_BYTES: Final = 64 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def tune() -> Callable[[], None]:
    """Sets both for this process. Gives a call that sets the collector back."""
    keep_memory()
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *before[1:])

    def undo() -> None:
        gc.set_threshold(*before)
        gc.unfreeze()

    return undo


def rest() -> None:
    """To be called when there is nothing to do: looks for cycles if there is some growth."""
    if gc.get_count()[0] > COLLECT_IDLE_AFTER:
        gc.collect(0)


def keep_memory() -> None:
    """Does nothing where the C library has no such call (musl, macOS)."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, MMAP_FROM_BYTES)
        set_option(_M_TRIM_THRESHOLD, KEEP_BYTES)
