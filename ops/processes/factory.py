"""The same dataflows for Bytewax's own command line: `python -m bytewax.run -s=-1
"ops.processes.factory:flow('market')"`.

Settings come from environment and file as for `tape run`. Any epoch interval but a negative one is
refused: the wall clock
would merge epochs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from bytewax.dataflow import Dataflow

from connectors.epochs.bytewax_ends import stop_on_signals
from connectors.epochs.errors import EpochsMerged
from connectors.epochs.model import Intent
from connectors.epochs.tuning import tune
from ops.processes.exits import die
from ops.processes.run import open_pipeline
from ops.processes.shards import chosen as shard_of_this
from ops.settings import load
from schemas.errors import TapeError, one_line

VARIABLE = "BYTEWAX_SNAPSHOT_INTERVAL"


def flow(name: str, number: int | None = None, start: str | int | None = None) -> Dataflow:
    """The dataflow of one shard; the shard as for `tape run`."""
    try:
        check_interval(sys.argv, os.environ.get(VARIABLE))
        settings = load()
        chosen = shard_of_this(settings, number, None)
        session, built = open_pipeline(name, *chosen, Intent(start=start), settings)
    except TapeError as error:
        die(error.exit_code, str(error))
    stop_on_signals(session)
    session.on_failed = end_with
    tune()
    return built


def end_with(error: Exception) -> NoReturn:
    """Bytewax knows nothing of it: to its runner the flow would have come to its end."""
    if not isinstance(error, TapeError):
        traceback.print_exception(error)
    die(getattr(error, "exit_code", TapeError.exit_code), one_line(error))


def check_interval(arguments: Sequence[str], variable: str | None) -> None:
    """Raises `EpochsMerged` unless the interval given to `bytewax.run` is negative."""
    given = interval_in(arguments) or variable
    try:
        negative = given is not None and float(given) < 0
    except ValueError:
        negative = False
    if not negative:
        raise EpochsMerged(
            f"epoch interval {given or 'default'}: run `python -m bytewax.run -s=-1 ...`, "
            "anything else merges epochs by the wall clock"
        )


def interval_in(arguments: Sequence[str]) -> str | None:
    """The value of -s or --snapshot-interval on a command line."""
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in ("-s", "--snapshot-interval"):
            return value if equals else next(iter(arguments[at + 1 :]), None)
        if argument.startswith("-s") and not argument.startswith("--"):
            return argument[2:]
    return None
