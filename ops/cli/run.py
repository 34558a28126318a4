"""`tape run PROCESS`: one process in the foreground, until SIGTERM. `tape snapshot`: its state
onto the log now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, emit
from ops.cli._times import start_of

if TYPE_CHECKING:
    from connectors.epochs.model import Acceptance, Intent, Skip
    from ops.settings import Settings

Shard = Annotated[int | None, typer.Option(help="default: TAPE_SHARD, the pod's ordinal, or 0")]
Shards = Annotated[
    int | None, typer.Option(help="number of shards, the same in every process", min=1)
]
Start = Annotated[
    str | None,
    typer.Option(
        "--from", help="earliest|latest|TIME: where a first start, a rebuild or added inputs begin"
    ),
]
Upgrade = Annotated[str | None, typer.Option(help="carry|rebuild, when the version changed")]
SkipRecord = Annotated[str | None, typer.Option("--skip", help="TOPIC/PARTITION/OFFSET")]
Accept = Annotated[int | None, typer.Option("--accept-divergence", help="sequence of the epoch")]
Reason = Annotated[str, typer.Option(help="why, for --upgrade, --skip, --accept-divergence")]
Takeover = Annotated[bool, typer.Option(help="replace a process of this machine by fencing it")]
Signal = Annotated[list[str] | None, typer.Option(help="path.py:Class or an entry point's name")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    run = typer.Typer(
        help="Run one process in the foreground, until SIGTERM.", no_args_is_help=True
    )
    run.command()(market)
    run.command()(strategy)
    run.command()(risk)
    run.command()(gateway)
    run.command()(reconciliation)
    run.command("venue-watch")(venue_watch)
    run.command()(connector)
    run.command()(clock)
    run.command()(desk)
    app.add_typer(run, name="run")
    app.command()(snapshot)


def market(
    shard: Shard = None,
    shards: Shards = None,
    start: Start = None,
    upgrade: Upgrade = None,
    skip: SkipRecord = None,
    accept: Accept = None,
    reason: Reason = "",
    takeover: Takeover = False,
) -> None:
    """Raw frames to trades, quotes, depth, marks and the state of the feeds."""
    from ops.settings import load

    intent = intent_of(start, upgrade, skip, accept, reason)
    pipeline("market", shard, shards, intent, load(), takeover)


def strategy(
    shard: Shard = None,
    shards: Shards = None,
    start: Start = None,
    signal: Signal = None,
    upgrade: Upgrade = None,
    skip: SkipRecord = None,
    accept: Accept = None,
    reason: Reason = "",
    takeover: Takeover = False,
) -> None:
    """Trades and quotes to wanted positions."""
    intent = intent_of(start, upgrade, skip, accept, reason)
    pipeline("strategy", shard, shards, intent, with_signals(signal), takeover)


def risk(
    start: Start = None,
    upgrade: Upgrade = None,
    skip: SkipRecord = None,
    accept: Accept = None,
    reason: Reason = "",
    takeover: Takeover = False,
) -> None:
    """Order requests to signed approvals and denials; one process for the whole desk."""
    from ops.settings import load

    intent = intent_of(start, upgrade, skip, accept, reason)
    pipeline("risk", 0, 1, intent, load(), takeover)


def gateway(
    takeover: Takeover = False,
    live: Annotated[bool, typer.Option(help="trade at a real venue, if the caps allow it")] = False,
) -> None:
    """Signed approvals to orders at the venue, for the account of the caps file."""
    from ops.processes.gateway import run_gateway
    from ops.settings import load

    run_gateway(load(), takeover=takeover, live=live)


def venue_watch(
    account: Annotated[str, typer.Option(help="whose key TAPE_WATCH__KEY is")],
    live: Annotated[bool, typer.Option(help="watch a real venue")] = False,
) -> None:
    """An account's balances, open orders and doubtful trades, with a key that only reads."""
    from ops.processes.venue_watch import run_venue_watch
    from ops.settings import load

    run_venue_watch(account, load(), live=live)


def reconciliation(
    shard: Shard = None,
    shards: Shards = None,
    start: Start = None,
    upgrade: Upgrade = None,
    skip: SkipRecord = None,
    accept: Accept = None,
    reason: Reason = "",
    takeover: Takeover = False,
) -> None:
    """The log against the venue: positions of record, breaks, halts."""
    from ops.settings import load

    intent = intent_of(start, upgrade, skip, accept, reason)
    pipeline("reconciliation", shard, shards, intent, load(), takeover)


def with_signals(signal: list[str] | None) -> Settings:
    """The settings, with the signals of the command line instead of the configured ones."""
    from ops import signals
    from ops.settings import load

    return signals.with_signals(load(), signal) if signal else load()


def pipeline(
    name: str,
    shard: int | None,
    shards: int | None,
    intent: Intent,
    settings: Settings,
    takeover: bool,
) -> None:
    from ops.processes.run import run_pipeline
    from ops.processes.shards import chosen

    number, count = chosen(settings, shard, shards)
    run_pipeline(name, number, count, intent, settings, takeover)


def intent_of(
    start: str | None, upgrade: str | None, skip: str | None, accept: int | None, reason: str
) -> Intent:
    """What the operator asks for. Raises `BadIntent`."""
    from connectors.epochs.model import Intent
    from connectors.epochs.opening import UPGRADES

    if upgrade is not None and upgrade not in UPGRADES:
        raise typer.BadParameter(f"--upgrade {upgrade}: one of {', '.join(UPGRADES)}")
    if (skip is not None or accept is not None) and not reason:
        raise typer.BadParameter("--skip and --accept-divergence need a --reason")
    return Intent(
        start_of(start), upgrade, skip_of(skip, reason), accept_of(accept, reason), reason
    )


def skip_of(text: str | None, reason: str) -> Skip | None:
    from connectors.epochs.model import Skip
    from pipelines.logic import Position

    if text is None:
        return None
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter(f"--skip {text}: not TOPIC/PARTITION/OFFSET")
    return Skip(Position(topic, int(partition), int(offset)), reason)


def accept_of(sequence: int | None, reason: str) -> Acceptance | None:
    from connectors.epochs.model import Acceptance

    return None if sequence is None else Acceptance(sequence, reason)


def connector(
    venue: Annotated[str, typer.Option(help="venue code, for example BINANCE")],
    symbols: Annotated[list[str], typer.Argument(help="the venue's symbols")],
    line: Annotated[str, typer.Option(help="A, B, ...: two lines make a feed redundant")] = "A",
    url: Annotated[str | None, typer.Option(help="another server, for example a tape feed")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="instead of the venue's usual")] = None,
) -> None:
    """One line of one venue: every frame, raw, to md.raw.v1."""
    from connectors.connector import run_connector
    from ops.figures.serving import answer
    from ops.figures.tracing import spans_of
    from ops.processes.clients import codec_of
    from ops.settings import load

    settings = load()
    name = f"{venue}-{line}".lower()
    health = answer(settings, name, venue=venue, line=line)
    raise typer.Exit(
        run_connector(
            venue,
            line,
            symbols,
            kafka=settings.kafka_options(),
            codec=codec_of(settings),
            topic_prefix=settings.topic_prefix,
            channels=channel or (),
            url=url,
            health=health,
            put=spans_of(settings, name),
        )
    )


def clock() -> None:
    """One ClockTick per second to ops.clock.v1."""
    from connectors.clock import run_clock
    from ops.figures.serving import answer
    from ops.processes.clients import codec_of
    from ops.settings import load

    settings = load()
    codec, prefix = codec_of(settings), settings.topic_prefix
    kafka, health = settings.kafka_options(), answer(settings, "clock")
    raise typer.Exit(run_clock(kafka=kafka, codec=codec, topic_prefix=prefix, health=health))


def desk() -> None:
    """All processes of the desk, looked after (`tape up --all` starts this)."""
    from ops.desk.run import run_desk
    from ops.settings import load

    raise typer.Exit(run_desk(load()))


def snapshot(
    name: Annotated[str, typer.Argument(metavar="PIPELINE")],
    shard: Shard = None,
    shards: Shards = None,
    output: Output = Form.TEXT,
) -> None:
    """Write a shard's state onto the log: by its running process, else by opening it."""
    from ops.processes.shards import chosen
    from ops.processes.snapshot import take_snapshot
    from ops.settings import load
    from schemas.json_form import to_json

    settings = load()
    number, count = chosen(settings, shard, shards)
    taken = take_snapshot(name, number, count, settings)
    text = f"{name}-{number}: snapshot of {taken.size} bytes at epoch {taken.sequence}"
    emit(output, {"pipeline": name, "shard": number, **to_json(taken)}, text)
