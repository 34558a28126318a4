"""httpx without its command line. Where rich and click are installed it loads them and pygments as
well, a quarter of a second of every process that speaks to a venue.
"""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"
sys.modules.setdefault(_COMMAND_LINE, None)  # type: ignore[arg-type]  # as if it were not there

import httpx  # noqa: E402

if sys.modules[_COMMAND_LINE] is None:
    del sys.modules[_COMMAND_LINE]

__all__ = ["httpx"]
