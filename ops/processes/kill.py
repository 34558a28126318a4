"""`tape kill` and `tape flat`: everything that stops an account, tried at once.

No path waits for another. Each runs on a thread that may hang for ever; the command ends without
it. What counts in the end is what the venue says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.gateway import latch
from connectors.gateway.flat import Account, Cleared, Wanted, clear
from connectors.gateway.latch import Halt, latch_path
from connectors.gateway.local_socket import (
    Ask,
    NotTold,
    Told,
    ask_gateway,
    socket_path,
    socket_paths,
)
from connectors.orderport import order_port
from ops.processes.attempts import Attempt, Way
from ops.processes.caps import load_caps
from ops.processes.control import SOCKET_S, decide
from ops.processes.gateway import key_of
from ops.processes.names import Doubt, scope_doubts
from ops.settings import Settings
from schemas.errors import TapeError, one_line
from schemas.events import TradingHalted

PATH_S: Final = 4.0  # how long latch, socket and log may take before they count as failed


class Killed(NamedTuple):
    """`alarms`: why this is not over; empty where nothing is open, verified at the venue, and
    something keeps it so. `warnings`: what could not be found out about the scope. Wall times in
    nanoseconds UTC; `looked_ns`: of the venue's last word.
    """

    ways: tuple[Way, ...]
    cleared: Cleared
    alarms: tuple[str, ...]
    begun_ns: int
    looked_ns: int
    warnings: tuple[str, ...] = ()


def kill(
    settings: Settings,
    halt: Halt,
    within_s: float,
    write: Callable[[Settings, Halt], str] | None = None,
) -> Killed:
    """Halts a scope by every path and verifies at the venue. `write`: how the log is told."""
    begun_ns, begun = time.time_ns(), time.monotonic()
    told: list[Told] = []
    folder = latch_path(settings.run_dir).parent
    latched = Attempt("latch", partial(_latch, settings, halt))
    socket = Attempt("gateway", partial(_tell, folder, halt, told))
    log = Attempt("log", partial(write or _write, settings, halt))
    # The orders of one strategy are known to the gateway alone, which cancels them.
    only = _ids(socket, told) if halt.strategy is not None else None
    cleared = flat(settings, Wanted(halt.instrument, only), within_s, halt.account)
    looked_ns, until = time.time_ns(), max(begun + PATH_S, time.monotonic())
    doubts = scope_doubts(settings, halt.scope)  # only now: nothing that stops waits for a look
    ways = tuple(attempt.way(until) for attempt in (latched, socket, log))
    alarms = (*_alarms(settings, ways, cleared, told, halt), *_said(doubts, misspelt=True))
    return Killed(ways, cleared, alarms, begun_ns, looked_ns, _said(doubts, misspelt=False))


def _said(doubts: tuple[Doubt, ...], *, misspelt: bool) -> tuple[str, ...]:
    return tuple(one.said for one in doubts if one.misspelt is misspelt)


def _ids(socket: Attempt, told: list[Told]) -> frozenset[str] | None:
    worked = socket.way(time.monotonic() + SOCKET_S).worked
    return frozenset(name for one in told for name in one.open) if worked else frozenset()


def flat(
    settings: Settings, wanted: Wanted, within_s: float, account: str | None = None
) -> Cleared:
    """Cancels what is open at the venue and verifies. Every failure is in what it returns.

    `account`: must be that of the caps file, where there is one: a key cancels its own account's.
    """
    try:
        mine = mine_of(settings)
        if mine is not None and account not in (None, mine):
            return Cleared(False, None, detail=f"these settings hold the key of {mine}")
        return asyncio.run(clear(account_of(settings), wanted, within_s))
    except TapeError as error:
        return Cleared(False, None, detail=one_line(error))
    except Exception as error:  # an address, for one; its text may quote the request
        return Cleared(False, None, detail=f"gateway.url cannot be asked: {type(error).__name__}")


def mine_of(settings: Settings) -> str | None:
    """The account of the caps file; None where it does not say: a kill goes on without it."""
    try:
        return load_caps(settings.gateway.caps).account
    except Exception:
        return None


def account_of(settings: Settings) -> Account:
    """Raises `TapeError` where there is no key, or no port for the venue."""
    chosen = settings.gateway
    port = order_port(chosen.venue)
    return Account(port, key_of(settings), chosen.url, chosen.recv_window_ms)


def _latch(settings: Settings, halt: Halt) -> str:
    path = latch_path(settings.run_dir)
    latch.hold(path, halt)
    return f"written to {path}"


def _tell(folder: Path, halt: Halt, told: list[Told]) -> str:
    paths = socket_paths(folder)
    if halt.account is not None:
        paths = [socket_path(folder, halt.account)]
    if not paths:
        raise NotTold(f"no gateway listens in {folder}")
    ask = Ask("halt", *halt.scope, halt.person, halt.reason)
    failures = []
    for path in paths:
        try:
            told.append(ask_gateway(path, ask, SOCKET_S))
        except NotTold as failure:
            failures.append(str(failure))
    if failures:
        raise NotTold("; ".join(failures))
    return "; ".join(f"{one.account}: {len(one.open)} orders may be open" for one in told)


def _write(settings: Settings, halt: Halt) -> str:
    event = TradingHalted(*halt.scope, True, "OPERATOR", halt.person, halt.reason, None, halt.ts_ns)
    return f"ops.control.v1/0/{decide(settings, event, identified=False)}"


def _alarms(
    settings: Settings, ways: tuple[Way, ...], cleared: Cleared, told: list[Told], halt: Halt
) -> tuple[str, ...]:
    found = []
    latched, *answered = (way.worked for way in ways)
    if not (latched or any(answered)):
        found.append("nothing keeps a gateway from sending: no path worked")
    elif not any(answered):
        found.append("only the latch file works: a gateway that does not read it may still send")
    if not cleared.verified:
        found.append(f"not verified at the venue: {cleared.detail}; {shown(cleared)}")
    elif halt.strategy is not None and not ways[1].worked:
        found.append(f"which orders are {halt.strategy}'s, only the gateway knows: kill without it")
    mine = mine_of(settings) or next((one.account for one in told), None)
    found += [
        f"account {one.account} was told, but these settings hold no key to verify it"
        for one in told
        if one.account != mine
    ]
    return tuple(found)


def killed_json(done: Killed) -> dict[str, Any]:
    """For programs."""
    return {
        "paths": [way._asdict() for way in done.ways],
        "venue": cleared_json(done.cleared),
        "alarms": list(done.alarms),
        "warnings": list(done.warnings),
        "begun_ns": done.begun_ns,
        "looked_ns": done.looked_ns,
    }


def shown(cleared: Cleared) -> str:
    """The orders that are left, for a person."""
    if cleared.left is None:
        return "what is open is not known"
    names = ", ".join(f"{o.instrument} {o.side} {o.cl_ord_id or o.order_id}" for o in cleared.left)
    return f"open: {names or 'none seen'}"


def cleared_json(cleared: Cleared) -> dict[str, Any]:
    """For programs."""
    left = None if cleared.left is None else [order._asdict() for order in cleared.left]
    return {**cleared._asdict(), "left": left}
