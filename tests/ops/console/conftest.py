"""The traded run and its archive, as tests of replay have them."""

from __future__ import annotations

from tests.replay.conftest import traded_log, traded_root

__all__ = ["traded_log", "traded_root"]
