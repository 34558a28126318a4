"""`tape feed`: captures as a WebSocket server in the venues' own protocols."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ops.cli._output import Form, Output, columns

SECONDS_MAX = 1e9


def some_seconds(seconds: float | None) -> float | None:
    """Raises `BadParameter` for what is no length of time."""
    if seconds is not None and not 0 <= seconds <= SECONDS_MAX:
        raise typer.BadParameter(f"{seconds}: a number of seconds, from 0 to {SECONDS_MAX:.0f}")
    return seconds


Captures = Annotated[list[str] | None, typer.Argument(metavar="[CAPTURE]...", help="default: all")]
Speed = Annotated[str, typer.Option(help="times the original pace, or max")]
Start = Annotated[
    float, typer.Option("--from", help="seconds into the capture", callback=some_seconds)
]
Seconds = Annotated[
    float | None, typer.Option(help="how much of it; default: to its end", callback=some_seconds)
]
WaitFor = Annotated[int, typer.Option(help="start with so many subscribed connections", min=0)]
Fault = Annotated[
    str,
    typer.Option(
        help="per frame: loss=0.01,delay=0.001:0.5,duplication=P,disconnect=P,silence=P:S,garbage=P"
    ),
]
Seed = Annotated[int, typer.Option(help="the same seed, the same faults")]
Port = Annotated[int, typer.Option(help="0: any free one", min=0, max=65535)]
AtEnd = Annotated[bool, typer.Option("--close-at-end", help="do not stay open and idle")]
Listing = Annotated[bool, typer.Option("--list", help="the captures there are")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(feed)


def feed(
    captures: Captures = None,
    speed: Speed = "1",
    start: Start = 0.0,
    seconds: Seconds = None,
    wait_for: WaitFor = 1,
    fault: Fault = "",
    seed: Seed = 0,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Port = 8790,
    close_at_end: AtEnd = False,
    listing: Listing = False,
    output: Output = Form.TEXT,
) -> None:
    """Serve captured market data as the exchanges do, with seeded faults on request.

    Point a connector at it: tape run connector --venue BINANCE --url URL BTCUSDT.
    """
    from connectors.feed.capture import CAPTURES, load
    from connectors.feed.faults import parse_faults
    from connectors.feed.process import run_feed
    from connectors.feed.server import Options

    if listing:
        for name in CAPTURES:
            print(name)
        return
    options = Options(
        pace(speed), wait_for, faults=parse_faults(fault), seed=seed, close_at_end=close_at_end
    )
    show = _show_json if output is Form.JSON else _show_text
    run_feed(load(captures or (), start, seconds), options, show, host, port)


def pace(text: str) -> float | None:
    """`--speed`: a number above 0, None for max. Raises `BadParameter`."""
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if speed is not None and not 0.0 < speed < float("inf"):
        raise typer.BadParameter(f"--speed {text}: a number above 0, or max")
    return speed


def _show_json(status: dict[str, Any]) -> None:
    """One line per status."""
    print(json.dumps(status), flush=True)


def _show_text(status: dict[str, Any]) -> None:
    if status["state"] == "listening":
        print(columns([(code, url) for code, url in status["urls"].items()]), flush=True)
        return
    faults = "".join(f", {count} {name}" for name, count in status["faults"].items())
    print(
        f"{status['state']}: {status['played']:,} of {status['frames']:,} frames, "
        f"{status['sent']:,} sent on {len(status['open'])} connections{faults}",
        flush=True,
    )
