"""A desk's limits on a log in memory, where the settings name a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.control import CONTROL
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from ops.processes import clients
from ops.processes.flatten import BOOKED, EVENTS
from pipelines.batches import local_codec
from tests.pipelines.risk.rig import ACCOUNT, limits_of

CODEC = local_codec()


class Control:
    """What is decided lands in `log`, whose limits name `ACCOUNT` and the rig's instrument."""

    def __init__(self) -> None:
        self.log = MemoryLog({CONTROL.topic: 1, "recon.control.v1": 1, EVENTS: 1, BOOKED: 1})
        self.put(limits_of({"ORDER_NOTIONAL_MAX": "5"}, 1, (ACCOUNT, None)))

    def put(self, event: Any) -> int:
        """The offset it lies at."""
        self.log.append(OutRecord(*CONTROL, b"", CODEC.encode(event), 1))
        return self.log.bounds(CONTROL)[1] - 1

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
