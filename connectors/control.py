"""People's decisions onto `ops.control.v1`: never in a transaction, which could hide them.

The first record of the topic says which log this is (`LogCreated`): whoever starts first writes it,
and the one that lies first counts.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from connectors.confirmed_writer import ConfirmedWriter
from connectors.log.interface import Log, Tp
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import LimitsChanged, LogCreated

TOPIC: Final = "ops.control.v1"
CONTROL: Final = Tp(TOPIC, 0)
READ_S: Final = 10.0


class NotThisLog(TapeError):
    """The log does not say which one it is, or says another environment."""


class Decided(NamedTuple):
    """A control event and where it lies."""

    offset: int
    timestamp_ms: int
    event: Any


def decided(log: Log, codec: Codec) -> Iterator[Decided]:
    """Everything decided so far, in order."""
    low, end = log.bounds(CONTROL)
    for message in log.read(CONTROL, low, end, READ_S):
        yield Decided(message.offset(), message.timestamp()[1], codec.decode(message.value()))


def limits_in_force(log: Log, codec: Codec) -> Decided | None:
    """The newest limits, as risk sees them: of two with one version the first counts."""
    newest: Decided | None = None
    for found in decided(log, codec):
        if isinstance(found.event, LimitsChanged) and (
            newest is None or found.event.limits_version > newest.event.limits_version
        ):
            newest = found
    return newest


class ControlWriter(ConfirmedWriter):
    """Writes one event at a time, by its scope, and waits until it lies on the log."""

    def __init__(self, kafka: Mapping[str, Any], codec: Codec, prefix: str = "") -> None:
        """Raises `LogUnreachable`, `TopicMissing`."""
        super().__init__(kafka, codec, TOPIC, prefix)


def log_identity(log: Log, codec: Codec) -> LogCreated | None:
    """What the log says it is; None while nothing was written."""
    found = (item.event for item in decided(log, codec) if isinstance(item.event, LogCreated))
    return next(found, None)


def identify(log: Log, codec: Codec, writer: ControlWriter, environment: str) -> LogCreated:
    """The log's identity, written first where there is none. Raises `NotThisLog` for another
    environment."""
    found = log_identity(log, codec)
    if found is None:
        event = LogCreated(str(uuid.uuid4()), environment, time.time_ns())
        writer.write(event, "log")
        found = log_identity(log, codec)
    if found is None:
        raise NotThisLog(f"{TOPIC} does not show what was written to it")
    if found.environment != environment:
        raise NotThisLog(
            f"this log belongs to environment {found.environment}, the settings say {environment}: "
            "set TAPE_ENVIRONMENT, or the address of another cluster"
        )
    return found
