"""Signals named on a command line, in place of the configured ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ops.settings import Settings, SignalSettings


def with_signals(settings: Settings, specs: Sequence[str]) -> Settings:
    """The settings with these signals only: one that is configured by name or code, or new code."""
    known = {
        name: signal for signal in settings.strategy.signals for name in (signal.name, signal.uses)
    }
    signals = [known.get(spec) or SignalSettings(name=_name_of(spec), uses=spec) for spec in specs]
    strategy = settings.strategy.model_copy(update={"signals": signals})
    return settings.model_copy(update={"strategy": strategy})


def _name_of(spec: str) -> str:
    """A signal's name where none is configured: its class, `Breakout` of `a.py:Breakout`."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "-", spec.rpartition(":")[2])
