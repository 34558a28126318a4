"""The command line: `tape`, one module per group of commands.

Every module of this folder without a leading underscore has `register(app)`, which adds its
commands; nothing else needs to be told. A module imports only the standard library and typer at its
top and the rest inside its commands, so that `tape --help` stays fast.
"""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import pkgutil
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from connectors import log_lines
from ops.cli._output import printable
from schemas.errors import TapeError, one_line

FINDING = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130
WIDTH_MAX = 140  # of help: as wide as the terminal up to here, and a command's line is not cut off


class _Commands(TyperGroup):
    """Turns an error meant for the user into one line on stderr and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TapeError as error:
            if os.environ.get("TAPE_DEBUG"):
                traceback.print_exc()
            print(f"tape: {printable(one_line(error))}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            # The reader (`| head`) has had enough; flushing what is left must not fail either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            print("tape: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            if (said := _about_a_file(error)) is None:
                raise
            if os.environ.get("TAPE_DEBUG"):
                traceback.print_exc()
            print(f"tape: {said}", file=sys.stderr)
            raise typer.Exit(COULD_NOT_RUN) from None


def _about_a_file(error: OSError) -> str | None:
    """What is wrong with a file or a disk of the user's; None of any other error, a bug of ours."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return error.strerror if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else None


def build() -> typer.Typer:
    """The application with the commands of every module."""
    app = typer.Typer(
        name="tape",
        cls=_Commands,
        help="A trading pipeline on a Kafka log: every process is a replay of its own epochs.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"max_content_width": WIDTH_MAX},
    )
    app.callback()(_begin)
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}").register(app)
    return app


def _begin() -> None:
    _require_text()
    level = os.environ.get("TAPE_LOG_LEVEL", "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        raise TapeError(f"TAPE_LOG_LEVEL is {level}, not a level (DEBUG, INFO, WARNING, ERROR)")
    form = os.environ.get("TAPE_LOG_FORMAT", "text").lower()
    if form not in log_lines.FORMATS:
        raise TapeError(f"TAPE_LOG_FORMAT is {form}: one of {', '.join(log_lines.FORMATS)}")
    log_lines.to_stderr(level, form)


def _require_text() -> None:
    """Of what came from outside; a library would end with a traceback, one by one."""
    given = {f"argument {number}": word for number, word in enumerate(sys.argv) if number}
    given |= {name: word for name, word in os.environ.items() if name.startswith("TAPE_")}
    for name, word in given.items():
        try:
            word.encode()
        except UnicodeEncodeError:
            raise TapeError(f"{name} is not text in UTF-8") from None


def main() -> None:
    """Runs the command line and exits: 0 clean, 1 a finding, 2 could not run, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an encoding without a character
    try:
        build()(prog_name="tape")
    except Exception:
        # Whatever arrives here is a bug of ours. Python's own exit code, 1, would be a finding.
        traceback.print_exc()
        print("tape: internal error, see the lines above", file=sys.stderr)
        sys.exit(COULD_NOT_RUN)
