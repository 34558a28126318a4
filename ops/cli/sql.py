"""`tape sql`: questions to the archive."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import columns, show
from ops.cli._times import Date, From, To, span_of
from schemas.errors import TapeError

if TYPE_CHECKING:
    import pyarrow as pa


class AnswerForm(enum.StrEnum):
    """The value of `--output`."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class NoQuestion(TapeError):
    """Nothing was asked, or two things at once."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(sql)


def sql(
    question: Annotated[str | None, typer.Argument(help="SQL; - reads it from stdin")] = None,
    file: Annotated[Path | None, typer.Option(help="a file with the question")] = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="list questions that come with it")
    ] = False,
    example: Annotated[str | None, typer.Option(help="ask one of them, by its name")] = None,
    database: Annotated[
        Path | None,
        typer.Option(
            help="write a DuckDB file with all views instead; of S3 with a copy of the data"
        ),
    ] = None,
    start: From = None,
    end: To = None,
    date: Date = None,
    archive: Annotated[
        str | None, typer.Option(help="another archive, or a run folder of its layout")
    ] = None,
    output: Annotated[AnswerForm, typer.Option("--output")] = AnswerForm.TABLE,
) -> None:
    """Ask the archive in SQL (DuckDB): a view per event, and orders, fills, decisions, bars and
    more. `tape sql "SHOW TABLES"` lists them. Only files of the days asked for are opened.
    """
    from ops.archives import archive_of
    from ops.settings import load
    from replay.sql.session import ask, copies, write_database
    from schemas.catalog import load_catalog

    _require_one(question, file, example, database, examples or None)
    if examples:
        _list_examples()
        return
    span, store = span_of(start, end, date), archive_of(load(), archive)
    if database is not None:
        with _waiting():
            count = write_database(store, load_catalog(), database, span)
        over = "a copy of " if copies(store) else ""
        print(f"{database}: {count} views and macros over {over}{store.root}")
        return
    asked = _question(question, file, example)
    with _waiting():
        answer = ask(store, load_catalog(), asked, span)
    _print(answer, output)


@contextmanager
def _waiting() -> Iterator[None]:
    """Shows a person that the question is being answered; a pipe is told nothing."""
    from ops.stack.progress import Bars

    if not sys.stderr.isatty():
        yield
        return
    with Bars() as bars:
        bars("ask the archive", 0, None)
        yield
        bars("ask the archive", 1, 1)


def _require_one(*asked: object) -> None:
    if sum(one is not None for one in asked) != 1:
        forms = "--file, --example, --examples or --database"
        raise NoQuestion(f'ask one thing: tape sql "SELECT ...", {forms}')


def _question(text: str | None, file: Path | None, example: str | None) -> str:
    from replay.sql.shipped import example as shipped

    if example is not None:
        return shipped(example).sql
    if file is None and text != "-":
        return str(text)
    try:
        return (file.read_bytes() if file else sys.stdin.buffer.read()).decode("utf-8")
    except UnicodeDecodeError:
        raise NoQuestion(f"{file or 'what stdin says'} is not text in UTF-8") from None


def _list_examples() -> None:
    from replay.sql.shipped import examples

    print(columns([(each.name, each.question) for each in examples()]))


def _print(answer: pa.Table, output: AnswerForm) -> None:
    from replay.sql import render

    if output is AnswerForm.PARQUET:
        if sys.stdout.isatty():
            raise NoQuestion("parquet is not for a terminal: add > FILE")
        sys.stdout.buffer.write(render.as_parquet(answer))
        return
    if output is AnswerForm.TABLE:
        show(render.as_table(answer))
    else:
        print((render.as_json if output is AnswerForm.JSON else render.as_csv)(answer), flush=True)
