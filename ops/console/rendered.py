"""Sections as JSON text, each rendered once for all clients that look at it."""

from __future__ import annotations

import json
import time
from typing import Any, Final, NamedTuple

from ops.console import document
from ops.console.candles import INTERVAL_S
from ops.console.following import Follower
from ops.console.state import State
from replay.times import text_of

AGED_MS: Final = {"feeds": 1_000, "epochs": 1_000}
"""Sections in which something grows older by itself, and how often that is shown."""
SLOWLY_MS: Final = 60_000
FOLLOWS: Final = {"trades": "candles"}  # what changes with another section
CHANGES: Final = (*document.SECTIONS, "instruments")


class View(NamedTuple):
    """What a client looks at: an instrument, and candles of so many seconds."""

    instrument: str
    interval_s: int = INTERVAL_S


class Candle(NamedTuple):
    """One candle as text."""

    time: int
    text: str


Text = str | tuple[Candle, ...]
"""A section's value; candles one by one."""


def now_ms() -> int:
    """Wall time, which log time follows."""
    return time.time_ns() // 1_000_000


class Rendered:
    """`why`: what keeps the newest from being shown; empty where nothing does. `ready`: whether
    there is a state at all.
    """

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._texts: dict[tuple[str, str, int], tuple[Any, Text]] = {}
        self._state: State | None = None

    @property
    def why(self) -> str:
        return self._follower.why

    @property
    def ready(self) -> bool:
        return self._follower.ready.is_set()

    def chosen(self, wanted: str) -> str:
        """See `State.chosen`."""
        with self._follower.lock:
            return self._follower.state.chosen(wanted)

    def page(self, view: View) -> dict[str, Any]:
        """The whole document, as of now."""
        with self._follower.lock:
            found = document.page(
                self._follower.state, view.instrument, now_ms(), view.interval_s, live=True
            )
        return found | {"live": not self.why}

    def sections(self, view: View) -> dict[str, Text]:
        """Every section's newest text. The same object as before where nothing changed."""
        at_ms = now_ms()
        with self._follower.lock:
            if self._state is not self._follower.state:
                self._state = self._follower.state
                self._texts.clear()
            return {name: self._text(self._state, name, view, at_ms) for name in CHANGES}

    def _text(self, state: State, name: str, view: View, at_ms: int) -> Text:
        where = view.instrument if name in (document.CANDLES, *document.OF_INSTRUMENT) else ""
        key = name, where, view.interval_s if name == document.CANDLES else 0
        version = state.versions.get((FOLLOWS.get(name, name), where), 0)
        if name == "instruments":
            version = len(state.market.instruments)
        stamp = version, at_ms // AGED_MS.get(name, SLOWLY_MS)
        known = self._texts.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        text = _rendered(state, name, view, at_ms)
        if known is not None and known[1] == text:
            text = known[1]
        self._texts[key] = stamp, text
        return text


def _rendered(state: State, name: str, view: View, at_ms: int) -> Text:
    if name == "instruments":
        return dumped(state.instruments())
    value = document.section(state, name, view.instrument, at_ms, view.interval_s)
    if name == document.CANDLES:
        return tuple(Candle(one["time"], dumped(one)) for one in value)
    return dumped(value)


def change(fresh: dict[str, Text], sent: dict[str, Text]) -> str:
    """The message that leads from what a client has to what there is; empty where that is equal."""
    parts = []
    for name, text in fresh.items():
        before = sent.get(name)
        if before is text or before == text:
            continue
        parts.append(f'"{name}":{_of_candles(text, before) if name == "candles" else text}')
    if not parts:
        return ""
    return f'{{"type":"change","at":"{text_of(now_ms())}","sections":{{{",".join(parts)}}}}}'


def _of_candles(fresh: Text, sent: Text | None) -> str:
    known = frozenset(sent or ())
    return "[" + ",".join(one.text for one in fresh if one not in known) + "]"  # type: ignore[union-attr]


def dumped(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))
