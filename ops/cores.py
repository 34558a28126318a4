"""How many processes can run at once."""

from __future__ import annotations

import os


def cores() -> int:
    """That this process may run on."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed else os.cpu_count() or 1
