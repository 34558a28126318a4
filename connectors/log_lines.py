"""What a process says of itself: a line each on stderr, the same in every process of Tape.

As text for people, as JSON (`TAPE_LOG_FORMAT=json`) for collectors: one object per line, with what
the process is (`bind`) and what the line is about (`extra={"cl_ord_id": ...}`). Only plain values
are written: an object shows its type alone, so that no settings, key or client can spill what it
holds.
"""

from __future__ import annotations

import atexit
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final, TextIO

from connectors.log_repeats import Repeats

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
FORMATS: Final = ("text", "json")
LABELS: Final = ("level", "process", "pipeline", "venue", "line")  # few values: Loki's labels
ABOUT: Final = ("correlation_id", "cl_ord_id")  # of a line, as `extra`
PLAIN: Final = (str, int, float, Decimal, bool, type(None), BaseException, PurePath)

REPEATS: Final = Repeats()
_bound: dict[str, str | int] = {}
_epoch: list[Callable[[], int]] = []


def bind(**facts: str | int) -> None:
    """What this process is, for every line from here on: `process`, `shard`, `version`, ..."""
    _bound.update(facts)


def follow_epoch(epoch: Callable[[], int]) -> None:
    """Asked for the epoch that a line belongs to; a process has one shard."""
    _epoch[:] = [epoch]


class _Plain(logging.Filter):
    """Replaces what is no plain value by the name of its type."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_plain, record.args))
        return True


def _plain(value: Any) -> Any:
    return value if isinstance(value, PLAIN) else f"<{type(value).__name__}>"


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        left_out = getattr(record, "left_out", 0)
        return super().format(record) + (f" ({left_out} more like it)" if left_out else "")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_bound,
        }
        found |= {name: str(record.__dict__[name]) for name in ABOUT if name in record.__dict__}
        for epoch in _epoch:
            found["epoch"] = epoch()
        if left_out := getattr(record, "left_out", 0):
            found["left_out"] = left_out
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False)


class Handler(logging.StreamHandler[TextIO]):
    """Before a line, what was left out of others; at the end, what nobody was told of yet."""

    def __init__(self, stream: TextIO, repeats: Repeats) -> None:
        super().__init__(stream)
        self._repeats = repeats

    def emit(self, record: logging.LogRecord) -> None:
        for late in self._repeats.overdue():
            super().emit(late)
        super().emit(record)

    def finish(self) -> None:
        for late in self._repeats.overdue(all_of_them=True):
            super().emit(late)


def handler_to(stream: TextIO, form: str, repeats: Repeats) -> Handler:
    """Writes lines in this form, without repeats and without objects."""
    handler = Handler(stream, repeats)
    handler.setFormatter(_Json() if form == "json" else _Text(FORMAT))
    handler.addFilter(_Plain())
    handler.addFilter(repeats)
    return handler


def to_stderr(level: str = "WARNING", form: str = "text") -> None:
    """Sets up the root logger, from warnings on, and Tape's own from `level` on."""
    handler = handler_to(sys.stderr, form, REPEATS)
    logging.basicConfig(handlers=[handler], level="WARNING")
    atexit.register(handler.finish)
    logging.getLogger("tape").setLevel(level)
