"""A desk's limits on a log in memory, where the settings name a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.control import CONTROL
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from ops.processes import clients
from ops.processes.flatten import BOOKED, EVENTS
from pipelines.batches import local_codec
from pipelines.risk.decisions import DECISIONS
from tests.pipelines.risk.rig import ACCOUNT, START_MS, limits_of

CODEC = local_codec()


class Control:
    """What is decided lands in `log`, whose limits name `ACCOUNT` and the rig's instrument."""

    def __init__(self) -> None:
        topics = (CONTROL.topic, "recon.control.v1", EVENTS, BOOKED, DECISIONS)
        self.log, self._now_ms = MemoryLog(dict.fromkeys(topics, 1)), START_MS
        self.put(limits_of({"ORDER_NOTIONAL_MAX": "5"}, 1, (ACCOUNT, None)))

    def put(self, event: Any, topic: str = CONTROL.topic) -> int:
        """The offset it lies at. Each is a millisecond after the one before."""
        self._now_ms += 1
        self.log.append(OutRecord(topic, 0, b"", CODEC.encode(event), self._now_ms))
        return self.log.bounds(Tp(topic, 0))[1] - 1

    def write(self, event: Any, _: str) -> int:
        """As a `ControlWriter`."""
        return self.put(event)

    def told(self) -> list[Any]:
        """Everything decided beside the limits."""
        found = self.log.read(CONTROL, 1, self.log.bounds(CONTROL)[1], 1.0)
        return [CODEC.decode(message.value()) for message in found]

    def take(self, patch: pytest.MonkeyPatch, run_dir: Path, writes: Any) -> None:
        """What this module writes lands here; the settings name a broker that is not there."""
        patch.setattr(writes, "ControlWriter", lambda *_: self)
        patch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        patch.setenv("TAPE_RUN_DIR", str(run_dir))

    def serve(self, patch: pytest.MonkeyPatch, *modules: Any) -> None:
        """The modules read this log."""
        for module in modules:
            patch.setattr(module, clients.kafka_log.__name__, lambda _: self.log)
            patch.setattr(module, clients.codec_of.__name__, lambda _: CODEC)
