"""The desk's processes: docs/processes.md shows this list.

Processes meet on the log, so almost any order would do. What comes `after` something needs it at
once (the gateway its venue), or is to be stopped before it (strategy before gateway: no new orders
while the last ones are canceled).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ops.desk_settings import FeedSettings
from ops.processes.caps import load_caps
from ops.settings import Settings
from ops.supervisor.model import Process

BEGIN: Final = ("--from", "earliest")  # ignored where a pipeline has a history
SHARDED: Final = ("market", "strategy")


def desk(settings: Settings) -> list[Process]:
    """Everything that the settings ask for, in starting order."""
    watching = [Process("clock", ("run", "clock")), *pipelines("market", settings)]
    watching += [one for feed in settings.desk.feeds for one in connectors(feed)]
    if settings.desk.archive:
        watching.append(Process("archive", ("archive", "--follow")))
    if not trades(settings):
        return [*watching, *pipelines("strategy", settings)]
    first = [venue(settings)] if settings.desk.simulated else []
    names = tuple(one.name for one in first)
    live = ("--live",) if settings.desk.live else ()
    return [
        *first,
        *watching,
        *pipelines("risk", settings),
        *pipelines("reconciliation", settings),
        Process("gateway", ("run", "gateway", *live), (*names, "clock", "risk")),
        Process(
            "venue-watch", ("run", "venue-watch", *live, "--account", account_of(settings)), names
        ),
        *pipelines("strategy", settings, after=("gateway",)),
    ]


def account_of(settings: Settings) -> str:
    """The account that the gateway's caps name. Raises `CapsRefused`."""
    return load_caps(settings.gateway.caps).account


def trades(settings: Settings) -> bool:
    """Whether any strategy has an execution configuration."""
    return any(signal.execution for signal in settings.strategy.signals)


def pipelines(name: str, settings: Settings, after: tuple[str, ...] = ()) -> list[Process]:
    """One process per shard."""
    if settings.shards == 1 or name not in SHARDED:
        return [Process(name, ("run", name, *BEGIN), after)]
    count = str(settings.shards)
    return [
        Process(
            f"{name}-{number}",
            ("run", name, "--shard", str(number), "--shards", count, *BEGIN),
            after,
        )
        for number in range(settings.shards)
    ]


def connectors(feed: FeedSettings) -> list[Process]:
    """One process per line."""
    url = ("--url", feed.url) if feed.url else ()
    return [
        Process(
            f"{feed.venue}-{line}".lower(),
            ("run", "connector", "--venue", feed.venue, "--line", line, *url, *feed.symbols),
        )
        for line in feed.lines
    ]


def venue(settings: Settings) -> Process:
    """The simulated venue: it follows the desk's own market data."""
    own, chosen = settings.simulated_folder, settings.desk
    return Process(
        "venue",
        (
            "venue",
            *("--follow", "--keys-file", str(keys_file(settings)), "--state", str(own / "state")),
            *("--port", str(chosen.venue_port), "--admin-port", str(chosen.venue_admin_port)),
        ),
        port=chosen.venue_port,
    )


def keys_file(settings: Settings) -> Path:
    return settings.simulated_folder / "keys.toml"
