"""Who and what a demo plays with: the example desk on ports of its own, and the slice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connectors.feed.capture import CAPTURES, Frame, load
from connectors.feed.server import Options
from ops.demo.model import Demo
from ops.desk import own
from ops.desk.prepare import desk_file
from ops.settings import Settings, load_file
from ops.stack.progress import Report
from ops.supervisor.supervisor import Supervisor

SIGNALS: Final = ("market", "strategy")
TRADING: Final = ("market", "strategy", "risk", "reconciliation")


class Cast(NamedTuple):
    """What a run of the demo works with."""

    demo: Demo
    settings: Settings
    desk: Supervisor
    report: Report

    @property
    def played(self) -> tuple[str, ...]:
        """The pipelines."""
        return TRADING if self.demo.trades else SIGNALS


def settings_of(demo: Demo, run_dir: Path) -> Settings:
    """The example desk on ports of its own; without execution where the demo does not trade."""
    found = load_file(desk_file("tape.toml"), run_dir=run_dir, **own.own_venue())
    if demo.trades:
        return found
    bare = [signal.model_copy(update={"execution": {}}) for signal in found.strategy.signals]
    return found.model_copy(
        update={"strategy": found.strategy.model_copy(update={"signals": bare})}
    )


def environment(settings: Settings) -> dict[str, str]:
    """What the demo's processes are told, and they alone."""
    signals = [signal.model_dump(mode="json") for signal in settings.strategy.signals]
    said = json.dumps(signals)
    return own.environment(desk_file("tape.toml"), settings, TAPE_STRATEGY__SIGNALS=said)


def slice_of(cast: Cast) -> tuple[Sequence[Frame], Options]:
    """The frames of every feed's venue, and how they are served: held until all lines listen."""
    feeds = cast.settings.desk.feeds
    names = [n for n, one in CAPTURES.items() if one.venue in {feed.venue for feed in feeds}]
    lines = sum(len(feed.lines) for feed in feeds)
    return load(names, seconds=cast.demo.seconds), Options(cast.demo.speed, lines, held=True)
