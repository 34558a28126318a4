"""Where recorded history is read: the log, the archive, or both as one."""

from __future__ import annotations

from connectors.log.interface import Log
from ops.processes.clients import codec_of, kafka_log
from ops.settings import Settings
from schemas.codec import Codec
from schemas.errors import TapeError


class NoSuchSource(TapeError):
    """Neither log nor archive."""


def source_of(settings: Settings, name: str) -> tuple[Log, Codec]:
    """The log and its codec. Raises `NoSuchSource`, and what the log raises."""
    if name != "log":
        raise NoSuchSource(f"--source {name}: there is log")
    return kafka_log(settings), codec_of(settings)
