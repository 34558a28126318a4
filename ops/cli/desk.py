"""The desk's verbs: `tape pause|reduce|flatten|resume`, and what works without the log, `kill` and
`flat`.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli._output import Form, Output, columns, emit, warn

if TYPE_CHECKING:
    from ops.processes.flatten import Remaining
    from ops.processes.kill import Killed
    from ops.settings import Settings
    from pipelines.gateway.scopes import Scope


def _named(part: str | None) -> str | None:
    """An empty name, of a shell variable that is not set, must not mean the whole desk."""
    if part is not None and not part.strip():
        raise typer.BadParameter("it is empty: name one, or leave the option out for all")
    return part


def _only(what: str) -> Any:
    return typer.Option(help=f"only this {what}", callback=_named)


Account = Annotated[str | None, _only("account")]
Strategy = Annotated[str | None, _only("strategy")]
Instrument = Annotated[str | None, _only("instrument: BTCUSDT.BINANCE")]
Reason = Annotated[str, typer.Option(help="why, in your own words")]
By = Annotated[str, typer.Option("--person", help="who; default: the user who runs this")]
Named = Annotated[str, typer.Option("--person", help="who, by name")]
Within = Annotated[float, typer.Option("--within", help="seconds until it gives up", min=0.1)]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (pause, reduce, flatten, kill, flat, resume):
        app.command()(command)


def pause(
    reason: Reason,
    account: Account = None,
    strategy: Strategy = None,
    instrument: Instrument = None,
    by: By = "",
    output: Output = Form.TEXT,
) -> None:
    """No new entries, until resumed; what is open stays, and positions may be left."""
    from schemas.events import TradingPaused

    _state(TradingPaused, (account, strategy, instrument), by, reason, output)


def reduce(
    reason: Reason,
    account: Account = None,
    strategy: Strategy = None,
    instrument: Instrument = None,
    by: By = "",
    output: Output = Form.TEXT,
) -> None:
    """Only orders towards zero, until resumed; what raises exposure is canceled."""
    from schemas.events import TradingReduced

    _state(TradingReduced, (account, strategy, instrument), by, reason, output)


def flatten(
    reason: Reason,
    account: Account = None,
    strategy: Strategy = None,
    instrument: Instrument = None,
    by: By = "",
    within: Within = 60.0,
    output: Output = Form.TEXT,
) -> None:
    """Close positions, and keep them closed until resumed; exit 0 when less than a lot is left."""
    from ops.processes.control import person
    from ops.processes.flatten import flatten as run
    from ops.settings import load

    settings, scope = load(), (account, strategy, instrument)
    doubted = partial(_doubt, settings, scope)
    left = run(settings, scope, by or person(), reason, within, doubted)
    rows = [one._asdict() for one in left]
    emit(output, {"flat": not left, "remaining": rows}, _remaining(left))
    raise typer.Exit(1 if left else 0)


def kill(
    reason: Reason,
    account: Account = None,
    strategy: Strategy = None,
    instrument: Instrument = None,
    by: By = "",
    within: Within = 10.0,
    output: Output = Form.TEXT,
) -> None:
    """Halt and cancel by every path at once; exit 0 only when the venue shows nothing open."""
    from connectors.gateway.latch import Halt
    from ops.processes.control import check_said, person
    from ops.processes.kill import kill as run
    from ops.processes.kill import killed_json
    from ops.settings import load

    who = by or person()
    check_said(who, reason)
    halt = Halt(account, strategy, instrument, who, reason, time.time_ns())
    done = run(load(), halt, within)
    emit(output, killed_json(done), _killed_text(done))
    for warning in done.warnings:
        warn(warning)
    _alarm(done.alarms)


def flat(instrument: Instrument = None, within: Within = 10.0, output: Output = Form.TEXT) -> None:
    """Cancel what is open at the venue, without log or gateway; exit 0 only when verified.

    It stops nobody from sending again: that is `tape kill`.
    """
    from connectors.gateway.flat import Wanted
    from ops.processes.kill import cleared_json, shown
    from ops.processes.kill import flat as run
    from ops.settings import load

    done = run(load(), Wanted(instrument), within)
    text = f"nothing is open; {done.cancels} cancels" if done.verified else "not verified"
    emit(output, cleared_json(done), text)
    _alarm(() if done.verified else (f"{done.detail}; {shown(done)}",))


def resume(
    reason: Reason,
    by: Named,
    account: Account = None,
    strategy: Strategy = None,
    instrument: Instrument = None,
    output: Output = Form.TEXT,
) -> None:
    """Lift what is latched for exactly this scope, and nothing else."""
    from ops.processes.control import resume as run
    from ops.settings import load
    from schemas.events import TradingResumed

    settings, scope = load(), (account, strategy, instrument)
    done = run(settings, TradingResumed(*scope, "OPERATOR", by, reason, None, time.time_ns()))
    lines = [f"resumed from ops.control.v1/0/{done.offset} on"]
    lines += [f"ended: {one}" for one in done.ended] or ["nothing was latched there on the log"]
    lines += [f"still in force: {one}" for one in done.still]
    if done.unseen and not done.ended:
        lines.append(f"not looked at: {done.unseen}, where risk may have paused by itself")
    emit(output, {name: _plain(value) for name, value in done._asdict().items()}, "\n".join(lines))
    if not done.ended:
        _doubt(settings, scope)


def _state(kind: Any, scope: Any, by: str, reason: str, output: Form) -> None:
    from ops.processes.control import STATES, decide, name_of, person
    from ops.settings import load

    event = kind(*scope, "OPERATOR", by or person(), reason, None, time.time_ns())
    settings = load()
    offset = decide(settings, event)
    text = f"{STATES[kind]} {name_of(scope)} from ops.control.v1/0/{offset} on, until resumed"
    emit(output, {"offset": offset, "state": STATES[kind], "scope": name_of(scope)}, text)
    _doubt(settings, scope)  # nothing may hold up or undo what was decided


def _doubt(settings: Settings, scope: Scope) -> None:
    from ops.processes.names import scope_doubts

    for one in scope_doubts(settings, scope):
        warn(one.said)


def _plain(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, tuple) else value


def _killed_text(done: Killed) -> str:
    rows = [(way.name, "done" if way.worked else "FAILED", way.said) for way in done.ways]
    venue = done.cleared
    said = f"nothing is open; {venue.cancels} cancels" if venue.verified else venue.detail
    return columns([*rows, ("venue", "verified" if venue.verified else "NOT VERIFIED", said)])


def _alarm(alarms: tuple[str, ...]) -> None:
    for alarm in alarms:
        print(f"tape: ALARM: {alarm}", file=sys.stderr)
    raise typer.Exit(1 if alarms else 0)


def _remaining(left: list[Remaining]) -> str:
    if not left:
        return "flat: less than a lot is left everywhere"
    return columns([tuple(map(str, one)) for one in left])
