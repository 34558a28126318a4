"""The traded run and its archive, as tests of replay have them; a tab with the page."""

from __future__ import annotations

from tests.ops.console.tab import browser, seen, stub, tab
from tests.replay.conftest import traded_log, traded_root

__all__ = ["browser", "seen", "stub", "tab", "traded_log", "traded_root"]
