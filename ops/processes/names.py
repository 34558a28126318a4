"""Whether anybody knows the names that a person gives: a scope that is misspelt covers nothing, on
whatever paths it is said.

Asked are the limits in force, the gateways that listen here, the caps file and the configuration,
each on a thread of its own. One that says nothing in time is no ground for a doubt: it is named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from connectors.control import limits_in_force
from connectors.gateway.latch import latch_path
from connectors.gateway.local_socket import Ask, NotTold, ask_gateway, socket_paths
from ops.processes.attempts import Attempt
from ops.processes.caps import load_caps
from ops.processes.clients import codec_of, kafka_log
from ops.processes.control import SOCKET_S
from ops.settings import Settings
from pipelines.gateway.scopes import Scope

KINDS: Final = ("account", "strategy", "instrument")
WITHIN_S: Final = 4.0
Known = Mapping[str, Collection[str | None]]  # names by kind


class Doubt(NamedTuple):
    """`misspelt`: others of its kind are known, and not this one; else nobody could be asked."""

    said: str
    misspelt: bool


class Look(NamedTuple):
    """What the sources said in time, by their names, and those that did not say all they know."""

    found: Mapping[str, Sequence[Known]]
    unread: Sequence[str]

    def doubt(self, kind: str, name: str, sources: Collection[str] = ()) -> Doubt | None:
        """Where nobody knows a name, or none of the `sources`. The limits alone know an `asset`."""
        asked = sources or self.found
        known = (each for source in asked for each in self.found[source])
        names = sorted({one for each in known for one in each.get(kind, ()) if one is not None})
        if name in names:
            return None
        unread = ", ".join(source for source in self.unread if source in asked)
        silent = f" (not read: {unread})" if unread else ""
        if names:
            return Doubt(f"no {kind} {name} is known, only {', '.join(names)}{silent}", True)
        return Doubt(f"it is not known whether the {kind} {name} is right{silent}", False)


def scope_doubts(settings: Settings, scope: Scope) -> tuple[Doubt, ...]:
    """Why what is decided for a scope may hold nothing back. Never raises, and takes `WITHIN_S` at
    most.
    """
    return doubts(settings, zip(KINDS, scope, strict=True), "this scope may cover nothing")


def doubts(
    settings: Settings,
    given: Iterable[tuple[str, str | None]],
    before: str,
    sources: Collection[str] = (),
) -> tuple[Doubt, ...]:
    """Of names by kind, those that none of the `sources` knows, all of them by default; `before`
    is said first.
    """
    named = [(kind, name) for kind, name in given if name is not None]
    if not named:
        return ()
    seen = look(settings)
    found = (seen.doubt(kind, name, sources) for kind, name in named)
    return tuple(one._replace(said=f"{before}: {one.said}") for one in found if one)


def look(settings: Settings) -> Look:
    """Asks every source, for `WITHIN_S` at most."""
    found: dict[str, list[Known]] = {name: [] for name in _SOURCES}
    until = time.monotonic() + WITHIN_S
    asked = [Attempt(name, partial(ask, settings, found[name])) for name, ask in _SOURCES.items()]
    ways = [one.way(until) for one in asked]
    known = {name: tuple(said) for name, said in found.items()}  # a late one says nothing more
    return Look(known, [way.name for way in ways if not way.worked])


def _limits(settings: Settings, found: list[Known]) -> str:
    limits = limits_in_force(kafka_log(settings), codec_of(settings))
    if limits is not None:
        said, terms = limits.event.limits, limits.event.instruments
        assets = [asset for one in terms for asset in (one.base_asset, one.quote_asset)]
        known = ([one.account for one in said], [one.strategy for one in said])
        traded = [one.instrument for one in terms]
        found.append({**dict(zip(KINDS, (*known, traded), strict=True)), "asset": assets})
    return ""


def _gateways(settings: Settings, found: list[Known]) -> str:
    failures = []
    paths = socket_paths(latch_path(settings.run_dir).parent)
    for path in paths:
        try:
            told = ask_gateway(path, Ask("status"), SOCKET_S)
        except NotTold as failure:
            failures.append(str(failure))
        else:
            names = ((told.account,), told.strategies, told.instruments)
            found.append(dict(zip(KINDS, names, strict=True)))
    if failures or not paths:
        raise NotTold("; ".join(failures) or "no gateway listens")
    return ""


def _caps(settings: Settings, found: list[Known]) -> str:
    caps = load_caps(settings.gateway.caps)
    found.append({"account": (caps.account,), "instrument": tuple(caps.position_max)})
    return ""


def _configured(settings: Settings, found: list[Known]) -> str:
    signals = settings.strategy.signals
    accounts = [str(one.execution["account"]) for one in signals if "account" in one.execution]
    found.append({"account": accounts, "strategy": [one.name for one in signals]})
    return ""


_SOURCES: Final[dict[str, Callable[[Settings, list[Known]], str]]] = {
    "limits": _limits,
    "gateways": _gateways,
    "caps file": _caps,
    "configuration": _configured,
}
