"""`tape venue`: the simulated venue, an exchange in Binance Spot's own protocol."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli._output import Form, Output, columns, emit
from ops.cli.feed import Seconds, Start

Captures = Annotated[
    list[str] | None,
    typer.Option("--capture", help="market data to trade against; several: repeat it; none: empty"),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="trade against the log: md.trade, md.quote, md.book")
]
KeysFile = Annotated[Path, typer.Option(help="accounts, balances and keys (TOML: docs/venue.md)")]
NewKeys = Annotated[bool, typer.Option("--new-keys", help="write such a file, and end")]
State = Annotated[
    Path | None, typer.Option(help="folder that outlives the process; none: it forgets everything")
]
Port = Annotated[int, typer.Option(help="0: any free one", min=0, max=65535)]
AdminPort = Annotated[
    int, typer.Option(help="faults and foreign orders, loopback only; 0: any", min=0, max=65535)
]
Speed = Annotated[str, typer.Option(help="times the original pace, or max")]
Rate = Annotated[str, typer.Option(help="of what is received")]
Delay = Annotated[float, typer.Option(help="milliseconds to the market and back, each", min=0)]
Jitter = Annotated[float, typer.Option(help="milliseconds on top, at most", min=0)]
Weight = Annotated[int, typer.Option(help="request weight per minute and address", min=1)]
Orders = Annotated[int, typer.Option(help="orders per 10 s and account", min=1)]
Seed = Annotated[int, typer.Option(help="the same seed, the same faults and delays")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(venue)


def venue(
    keys_file: KeysFile,
    new_keys: NewKeys = False,
    capture: Captures = None,
    follow: Follow = False,
    state: State = None,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Port = 8791,
    admin_port: AdminPort = 8792,
    speed: Speed = "1",
    start: Start = 0.0,
    seconds: Seconds = None,
    maker_fee: Rate = "0.001",
    taker_fee: Rate = "0.001",
    delay_ms: Delay = 0.0,
    jitter_ms: Jitter = 0.0,
    weight: Weight = 6_000,
    orders: Orders = 100,
    seed: Seed = 0,
    output: Output = Form.TEXT,
) -> None:
    """Simulate an exchange: orders over HTTP and WebSocket, matched against recorded or live data.

    Point a client at it by URL; the keys are those of the file. Nothing here is a real market.
    """
    from connectors.simulated.keys import load_accounts, write_new_keys
    from connectors.simulated.limits import LimitSettings
    from connectors.simulated.process import run_venue
    from connectors.simulated.server import Options
    from ops.figures.serving import answer
    from ops.settings import load
    from pipelines.matching.latency import Latency
    from pipelines.matching.model import Fees

    if new_keys:
        write_new_keys(keys_file)
        said = f"{keys_file}: an account, a key that trades and one that only reads"
        emit(output, {"keys_file": keys_file}, said)
        return
    health = answer(load(), "venue")
    show = _show_json if output is Form.JSON else _show_text

    def report(said: dict[str, Any]) -> None:
        health.ready = lambda: ""  # it listens
        show(said)

    one_way_ns = int(delay_ms * 1_000_000)
    options = Options(
        accounts=load_accounts(keys_file),
        market=_live(capture or []) if follow else _market(capture or [], start, seconds, speed),
        state=state,
        arrivals=follow and state is not None,
        host=host,
        port=port,
        admin_port=admin_port,
        fees=Fees(_rate(maker_fee), _rate(taker_fee)),
        latency=Latency(one_way_ns, one_way_ns, one_way_ns, int(jitter_ms * 1_000_000), seed),
        limits=LimitSettings(weight=weight, orders_10s=orders),
        seed=seed,
    )
    run_venue(options, report)


def _market(captures: list[str], start: float, seconds: float | None, speed: str) -> Any:
    from connectors.feed.capture import load
    from connectors.simulated.market import CaptureMarket
    from ops.cli.feed import pace

    pace_ = pace(speed)
    return CaptureMarket(load(captures, start, seconds), pace_) if captures else None


def _live(captures: list[str]) -> Any:
    from connectors.simulated.followed import FollowedMarket
    from ops.processes.clients import codec_of, kafka_log
    from ops.settings import load

    if captures:
        raise typer.BadParameter("one market: either --follow or --capture")
    settings = load()
    return FollowedMarket(kafka_log(settings), codec_of(settings))


def _rate(text: str) -> Decimal:
    from schemas.errors import NotExact
    from schemas.numbers import exact

    try:
        rate = exact(text)
    except NotExact:
        rate = Decimal(1)
    if not 0 <= rate < 1:
        raise typer.BadParameter(f"a fee of {text}: a rate from 0 to below 1, such as 0.001")
    return rate


def _show_json(status: dict[str, Any]) -> None:
    """One line per status."""
    print(json.dumps(status), flush=True)


def _show_text(status: dict[str, Any]) -> None:
    if status["state"] == "listening":
        names = {"url": "orders", "socket_url": "streams", "admin_url": "faults"}
        print(columns([(title, status[name]) for name, title in names.items()]), flush=True)
        if status["restored"]:
            print(f"restored from {status['restored']:,} decisions", flush=True)
        return
    orders = ", ".join(f"{count} {name}" for name, count in sorted(status["orders"].items()))
    faults = "".join(f", {count} {name}" for name, count in status["faults"].items())
    print(
        f"{status['state']}: {status['requests']:,} requests, orders: {orders or 'none'}, "
        f"{status['trades']:,} fills{faults}",
        flush=True,
    )
