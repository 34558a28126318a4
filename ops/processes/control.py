"""People's decisions about trading, as control events in force from their offset on."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.control import ControlWriter, identify
from connectors.gateway import latch
from connectors.gateway.local_socket import Ask, NotTold, ask_gateway, socket_paths
from connectors.log.interface import Log
from connectors.log.places import as_written, partitions
from ops.processes.clients import codec_of, kafka_log
from ops.processes.denials import DRAWDOWN, NOTHING, Looked, held_back, look
from ops.settings import Settings
from pipelines.gateway.scopes import Scope
from replay.times import text_of
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import (
    OrderDenied,
    TradingFlattened,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
)

TOPICS: Final = ("ops.control.v1", "recon.control.v1")
STATES: Final[dict[type[Any], str]] = {
    TradingPaused: "PAUSED",
    TradingReduced: "REDUCING",
    TradingFlattened: "FLATTENED",
    TradingHalted: "HALTED",
}
READ_S: Final = 10.0
SOCKET_S: Final = 2.0


class NobodySaysWhy(TapeError):
    """A decision without a person or a reason."""


class Latched(NamedTuple):
    """What a person, reconciliation or risk imposed, from when on; nobody has ended it."""

    scope: Scope
    state: str
    person: str
    reason: str
    since_ms: int

    def __str__(self) -> str:
        who, since = self.person or "a process", text_of(self.since_ms)
        return f"{self.state} {name_of(self.scope)} by {who}: {self.reason} (since {since})"


class Resumed(NamedTuple):
    """`ended`: what the event ended, as far as it stood on the log; `still`: what holds on;
    `unseen`: where more may stand that was not looked at.
    """

    offset: int
    ended: tuple[Latched, ...]
    still: tuple[Latched, ...]
    unseen: str = ""


def decide(settings: Settings, event: Any, *, identified: bool = True) -> int:
    """Writes a control event; the offset it lies at. Raises `NobodySaysWhy`, what writing raises
    and, unless told not to look (`identified`), `NotThisLog`.
    """
    check_said(event.person, event.reason)
    codec = codec_of(settings)
    writer = ControlWriter(settings.kafka_options(), codec, settings.topic_prefix)
    if identified:
        identify(kafka_log(settings), codec, writer, settings.environment)
    return writer.write(event, name_of((event.account, event.strategy, event.instrument)))


def resume(settings: Settings, event: TradingResumed) -> Resumed:
    """Ends what is latched for exactly this scope: on the log, then in the latch file and at the
    gateways that listen. Raises `TapeError`.
    """
    scope: Scope = (event.account, event.strategy, event.instrument)
    check_said(event.person, event.reason)
    log, codec = kafka_log(settings), codec_of(settings)
    looked = look(log, codec)
    before = latched(log, codec, looked)
    offset = decide(settings, event)
    path = latch.latch_path(settings.run_dir)
    latch.release(path, scope)
    _tell(path.parent, Ask("resume", *scope, event.person, event.reason))
    files = map(_of_file, latch.halts(path))
    ended = tuple(one for one in before if one.scope == scope)
    # A loss may have been won back since: it was denied for, but does not hold by itself.
    still = (one for one in before if one.scope != scope and one.state != DRAWDOWN)
    return Resumed(offset, ended, (*still, *files), looked.unseen)


def _of_file(halt: latch.Halt) -> Latched:
    at_ms = halt.ts_ns // 1_000_000
    return Latched(halt.scope, "HALTED (latch file)", halt.person, halt.reason, at_ms)


def _tell(folder: Path, ask: Ask) -> None:
    """Gateways that do not listen read the log and the latch when they do."""
    for path in socket_paths(folder):
        try:
            ask_gateway(path, ask, SOCKET_S)
        except NotTold:
            continue


def latched(log: Log, codec: Codec, looked: Looked = NOTHING) -> list[Latched]:
    """What holds by the log, scope by scope, in the order of decision; with what risk decided by
    itself, as far as that was looked at.
    """
    held: dict[Scope, list[Latched]] = {}
    for at_ms, event in _decisions(log, codec, looked):
        if isinstance(event, TradingResumed):
            held.pop((event.account, event.strategy, event.instrument), None)
        else:
            said = _said(event, at_ms)
            found = held.setdefault(said.scope, [])
            if said.state != DRAWDOWN or DRAWDOWN not in (one.state for one in found):
                found.append(said)  # of one loss many orders are denied
    return [one for found in held.values() for one in found]


def _said(event: Any, at_ms: int) -> Latched:
    own = held_back(event)
    if own is not None:
        return Latched(own.scope, own.state, "risk", own.why, at_ms)
    scope = (event.account, event.strategy, event.instrument)
    return Latched(scope, STATES[type(event)], event.person, event.reason, at_ms)


def _decisions(log: Log, codec: Codec, looked: Looked) -> Iterator[tuple[int, Any]]:
    """Trading states, those of both topics, and risk's denials, as they were written."""
    tps = partitions(log, *TOPICS)
    found = {tp: log.read(tp, *log.bounds(tp), READ_S) for tp in tps}
    for _, message in as_written({**found, **looked.found}):
        event = codec.decode(message.value())
        if isinstance(event, (*STATES, TradingResumed, OrderDenied)):
            yield message.timestamp()[1], event


def person() -> str:
    """Who runs this, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "operator"


def check_said(person: str, reason: str) -> None:
    """Raises `NobodySaysWhy`."""
    if not person.strip() or not reason.strip():
        raise NobodySaysWhy("it needs a person and a reason: --person NAME --reason TEXT")


def name_of(scope: Scope) -> str:
    """A scope as people read it, account/strategy/instrument; the key of its events."""
    return "/".join(part or "*" for part in scope) if any(scope) else "desk"
