"""`tape import binance-vision | csv`: downloaded history as an archive to replay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, columns, emit

if TYPE_CHECKING:
    from replay.history.imports import Import
    from replay.history.rows import Source

Archive = Annotated[
    str | None,
    typer.Option(help="the archive to import into; default: `imported` in the run folder"),
]
COLUMNS = (
    "trades: time=C,price=C,quantity=C and, if there, side=C,id=C; quotes: "
    "time=C,bid_price=C,bid_quantity=C,ask_price=C,ask_quantity=C and, if there, id=C"
)
SHOWN = 3  # of the files left out
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Downloaded history as days to replay.", no_args_is_help=True)
    group.command("binance-vision")(binance_vision)
    group.command("csv")(table)
    app.add_typer(group, name="import")


def binance_vision(
    paths: Annotated[list[Path], typer.Argument(help="files or folders of them", exists=True)],
    venue: Annotated[str, typer.Option(help="whose instruments; name one for futures")] = "BINANCE",
    archive: Archive = None,
    output: Output = Form.TEXT,
) -> None:
    """Import trades, aggregated trades or book tickers of data.binance.vision, zipped or not."""
    from ops.processes.importing import import_binance, root_of
    from ops.settings import load
    from ops.stack.progress import Bars
    from replay.history.binance import left_out

    own = load()
    with Bars() as bars:
        done = import_binance(own, archive, paths, venue, bars)
    _print(output, root_of(own, archive), done, left_out(paths))


def table(
    file: File,
    names: Annotated[
        str,
        typer.Option("--columns", help=COLUMNS),
    ],
    instrument: Annotated[str, typer.Option(help="whose rows, for example BTCUSDT.BINANCE")],
    delimiter: Annotated[str, typer.Option(help="between two columns")] = ",",
    archive: Archive = None,
    output: Output = Form.TEXT,
) -> None:
    """Import a table of trades or quotes with a header: CSV, also zipped or gzipped."""
    from ops.processes.importing import import_csv, root_of
    from ops.settings import load
    from ops.stack.progress import Bars
    from replay.history.table import columns_of

    if len(delimiter) != 1:
        raise typer.BadParameter("--delimiter is one character")
    own, chosen = load(), columns_of(names)
    with Bars() as bars:
        done = import_csv(own, archive, file, instrument, chosen, delimiter, bars)
    _print(output, root_of(own, archive), done)


def _print(
    output: Form,
    root: str,
    done: list[tuple[Source, Import | None]],
    left_out: Sequence[Path] = (),
) -> None:
    made = [{**vars(one), "rows": one.rows} for _, one in done if one is not None]
    known = [source._asdict() for source, one in done if one is None]
    rows = [_row(source, one) for source, one in done]
    text = "\n".join([columns(rows), *_noted(left_out), f"archive: {root}"])
    said = {"archive": root, "imported": made, "known": known, "left_out": left_out}
    emit(output, said, text)


def _noted(left_out: Sequence[Path]) -> list[str]:
    if not left_out:
        return []
    first, more = ", ".join(map(str, left_out[:SHOWN])), len(left_out) - SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return [f"left out, by name no .zip or .csv of trades or quotes: {first}{rest}"]


def _row(source: Source, made: Import | None) -> tuple[str, ...]:
    from replay.history.rows import WHAT
    from replay.times import text_of

    if made is None:
        return source.name, source.instrument, "imported before", "", ""
    span = f"{text_of(made.first_ms)} to {text_of(made.last_ms)}"
    place = f"{made.topic}/{made.partition}, offsets {made.start} to {made.end - 1}"
    return source.name, source.instrument, f"{made.rows:,} {WHAT[made.topic]}", span, place
