"""A traded run in an archive, written once for all tests that only read it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from schemas.events import LimitsChanged
from tests.replay import traded

CONTROL = "ops.control.v1"


@pytest.fixture(scope="session")
def traded_log() -> MemoryLog:
    """The recorded run, and looser limits set after it: what was denied by position would pass."""
    log, codec = traded.load(), local_codec()
    control = log.partitions[Tp(CONTROL, 0)]
    told = [(at, codec.decode(r.value)) for at, r in control.committed(0, control.end)]
    [limits] = [event for _, event in told if isinstance(event, LimitsChanged)]
    looser = tuple(
        one._replace(value=Decimal(5)) if one.kind == "POSITION_QTY_MAX" else one
        for one in limits.limits
    )
    after = limits._replace(limits_version=2, limits=looser, reason="more room")
    last_ms = max(r.timestamp_ms for p in log.partitions.values() for _, r in p.committed(0, p.end))
    log.append(OutRecord(CONTROL, 0, b"", codec.encode(after), last_ms + 1))
    return log


@pytest.fixture(scope="session")
def traded_root(traded_log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its archive. Whoever changes something copies it first."""
    root = tmp_path_factory.mktemp("traded")
    codec = local_codec()
    archive(traded_log, codec, FolderStore(root), tuple(codec.catalog.topics))
    return root
