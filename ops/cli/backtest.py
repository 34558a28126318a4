"""`tape backtest`: a desk's configuration over recorded markets, at the simulated venue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli._output import Form, Output, columns, emit
from ops.cli._times import Date, From, To, span_of

if TYPE_CHECKING:
    from replay.backtest.store import Run

FINDING = 1

Config = Annotated[
    Path,
    typer.Argument(help="the desk's settings file, as for `tape up --all`", exists=True),
]
Grid = Annotated[
    list[str] | None,
    typer.Option(help="NAME=A,B: every combination; repeat it for more names"),
]
Workers = Annotated[int | None, typer.Option(help="processes side by side", min=1)]
Out = Annotated[Path | None, typer.Option(help="folder of results; default: in the run folder")]
Market = Annotated[str, typer.Option(help="where the market lies: log, archive or auto")]
Root = Annotated[
    str | None, typer.Option("--archive", help="the market of this archive: imported history")
]
Arrivals = Annotated[
    Path | None,
    typer.Option(help="state folder of a venue that followed the log: run what happened again"),
]
Ms = Annotated[str, typer.Option(help="milliseconds one way")]
Jitter = Annotated[str, typer.Option(help="milliseconds on top, at most")]
Seed = Annotated[int, typer.Option(help="the same seed, the same jitter")]
Fee = Annotated[str, typer.Option(help="of what is received")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(backtest)


def backtest(
    config: Config,
    date: Date = None,
    start: From = None,
    end: To = None,
    grid: Grid = None,
    workers: Workers = None,
    source: Market = "log",
    archive: Root = None,
    out: Out = None,
    arrivals: Arrivals = None,
    order_ms: Ms = "5",
    cancel_ms: Ms = "5",
    report_ms: Ms = "5",
    jitter_ms: Jitter = "0",
    seed: Seed = 0,
    maker_fee: Fee = "0.001",
    taker_fee: Fee = "0.001",
    output: Output = Form.TEXT,
) -> None:
    """Run strategies, risk and matching over a recorded market; write a report.

    Nothing is written to the log. With --arrivals nothing is simulated: what venue, gateway, risk
    and strategy did live is done again, each in the order in which it received what, and compared.

    Exit code 0: done, or equal. 1: something differs. 2: could not run.
    """
    if arrivals is not None:
        if archive is not None:
            raise typer.BadParameter("--arrivals are those of a log, --archive is none of it")
        close_the_loop(config, arrivals, source, output)
        return
    from ops.cores import cores
    from ops.processes.backtesting import Asked, Assumed, run_all
    from ops.processes.grid import number, sets_of
    from ops.processes.sources import Source, source_of
    from ops.settings import load
    from ops.stack.progress import Bars

    own, sets = load(), sets_of(grid or [])
    if archive is not None:
        own, source = own.with_archive(archive), Source.ARCHIVE
    assumed = Assumed(
        order_ms=number(order_ms, "--order-ms"),
        cancel_ms=number(cancel_ms, "--cancel-ms"),
        report_ms=number(report_ms, "--report-ms"),
        jitter_ms=number(jitter_ms, "--jitter-ms"),
        seed=seed,
        maker_fee=number(maker_fee, "--maker-fee"),
        taker_fee=number(taker_fee, "--taker-fee"),
    )
    folder = out or own.run_dir / "runs"
    asked = Asked(config, span_of(start, end, date), source_of(source), folder, assumed)
    with Bars() as bars:
        runs = run_all(asked, sets, own, workers or min(len(sets), cores()), bars)
    emit(output, [as_json(run) for run in runs], as_text(runs))


def close_the_loop(config: Path, state: Path, source: str, output: Form) -> None:
    """Every link from the market to the position, again. Exit code 1 where one differs."""
    from ops.processes.closing import closed_loop
    from ops.processes.sources import source_of
    from ops.settings import load
    from ops.stack.progress import Bars

    with Bars() as bars:
        links = closed_loop(config, state, load(), source_of(source), bars)
    head = ("again", "compared", "verdict")
    rows = [(one.name, f"{one.compared:,}", one.finding or "equal") for one in links]
    emit(output, [{**one._asdict(), "clean": one.clean} for one in links], columns([head, *rows]))
    if not all(one.clean for one in links):
        raise typer.Exit(FINDING)


def as_json(run: Run) -> dict[str, Any]:
    return {
        "folder": run.folder,
        "report": run.report,
        "run": run.manifest,
        "summary": run.numbers,
    }


def as_text(runs: list[Run]) -> str:
    """One run by its numbers, several as a table."""
    if len(runs) == 1:
        rows = [*_rows(runs[0]), *_beside_live(runs[0])]
        return "\n".join([columns(rows), f"report: {runs[0].report}"])
    names = [*runs[0].manifest["parameters"]]
    head = (*names, "profit", "drawdown", "fills", "denied", "report")
    return columns([head, *(_row(run, names) for run in runs)])


def _beside_live(run: Run) -> list[tuple[str, str]]:
    """Where it and the live run of its range part, in short; nothing where nobody traded live."""
    found = run.numbers.get("live")
    if found is None:
        return []
    from replay.backtest.parted import counted

    rows = [(f"{what} beside live", counted(found[what]) or "none") for what in ("orders", "fills")]
    return [*rows, ("why they part first", found["why"])]


def _row(run: Run, names: list[str]) -> tuple[str, ...]:
    numbers, chosen = run.numbers, run.manifest["parameters"]
    counts = (str(numbers["fills"]), str(sum(numbers["denied"].values())))
    money = (numbers["profit"], numbers["drawdown_max"])
    return (*(chosen[name] for name in names), *money, *counts, str(run.report))


def _rows(run: Run) -> list[tuple[str, str]]:
    numbers = run.numbers
    denied = ", ".join(f"{count} {reason}" for reason, count in numbers["denied"].items())
    return [
        ("market records", f"{run.manifest['records_in']:,}"),
        ("order requests", f"{numbers['requested']:,}"),
        ("approved", f"{numbers['approved']:,}"),
        ("denied", denied or "none"),
        ("fills", f"{numbers['fills']:,}, {numbers['maker_fills']:,} as maker"),
        ("turnover", f"{numbers['turnover']} {numbers['currency']}"),
        ("profit and loss", f"{numbers['profit']} {numbers['currency']}, fees in it"),
        ("largest drawdown", f"{numbers['drawdown_max']} {numbers['currency']}"),
    ]
