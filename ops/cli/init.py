"""`tape init NAME`: a repository of your own. `tape try FILE`: signals over recorded ticks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli.run import Signal, with_signals

if TYPE_CHECKING:
    from pipelines.logic import Input, Output


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(init)
    app.command("try")(try_signals)


def init(
    name: Annotated[Path, typer.Argument(help="the folder to make; its last part is the name")],
) -> None:
    """Make a repository of your own with one signal, its test and its configuration."""
    from ops.init import create
    from ops.settings import ROOT

    for path in create(name, ROOT):
        print(path)
    print(f"next: cd {name} && make test && make try", file=sys.stderr)


def try_signals(
    file: Annotated[Path, typer.Argument(help="what `tape tail md.trade.v1` printed; - is stdin")],
    signal: Signal = None,
) -> None:
    """Run the signals over recorded ticks, in memory: one JSON line per changed target."""
    from ops.processes.catalog import pipeline
    from pipelines.strategy.recorded import inputs_of_lines

    logic = pipeline("strategy", with_signals(signal)).logic
    inputs = inputs_of_lines(lines_of(file))
    outputs = outputs_of(logic, inputs)
    for output in outputs:
        print(json.dumps(shown(output)))
    print(f"{len(outputs)} targets from {len(inputs)} records", file=sys.stderr)


def lines_of(file: Path) -> Iterator[str]:
    """The lines of a file or of stdin. Raises `TapeError` if there is no such file."""
    from schemas.errors import TapeError

    try:
        told = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return iter(told.decode("utf-8").splitlines())
    except OSError as error:
        raise TapeError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TapeError(f"{file} is not text in UTF-8") from None


def outputs_of(logic: Any, inputs: list[Input]) -> list[Output]:
    """In batches as large as an epoch may be."""
    from ops.settings import EpochSettings
    from pipelines.batches import cut

    most = EpochSettings().records_max
    state, outputs = logic.initial(), []
    for batch in cut(inputs, [most] * (len(inputs) // most)):
        state, found = logic.step(state, batch)
        outputs += found
    return outputs


def shown(output: Output) -> dict[str, Any]:
    """An output as `tape tail` would show it, but for its place on the log."""
    from replay.compare import named_json

    return {
        "topic": output.topic,
        "timestamp_ms": output.timestamp_ms,
        "key": output.key,
        "value": named_json(output.event),
    }
