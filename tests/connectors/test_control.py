"""Which log this is, and which limits are in force: the first that says so counts."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.control import CONTROL, NotThisLog, identify, limits_in_force, log_identity
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from schemas.events import LogCreated
from tests.pipelines.risk.rig import limits_of

CODEC = local_codec()


class Pen:
    """Writes to a log in memory as `ControlWriter` writes to a broker."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def write(self, event: Any, scope: str) -> int:
        raw = OutRecord(*CONTROL, scope.encode(), CODEC.encode(event), 1)
        writer = self._log.writer("test")
        writer.fence()
        writer.begin()
        writer.send([raw])
        return writer.commit()[CONTROL] - 1


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog({CONTROL.topic: 1})


def test_the_first_to_start_names_the_log(log: MemoryLog) -> None:
    pen: Any = Pen(log)
    assert log_identity(log, CODEC) is None
    named = identify(log, CODEC, pen, "simulation")
    assert named.environment == "simulation"
    assert identify(log, CODEC, pen, "simulation") == named == log_identity(log, CODEC)


def test_of_two_that_start_at_once_the_first_counts(log: MemoryLog) -> None:
    pen = Pen(log)
    first = LogCreated("one", "simulation", 1)
    pen.write(first, "log")
    pen.write(first._replace(log_id="two"), "log")
    assert log_identity(log, CODEC) == first


def test_the_log_of_another_environment_is_refused(log: MemoryLog) -> None:
    pen: Any = Pen(log)
    identify(log, CODEC, pen, "simulation")
    with pytest.raises(NotThisLog, match="environment simulation, the settings say live"):
        identify(log, CODEC, pen, "live")


def test_two_logs_have_two_names(log: MemoryLog) -> None:
    other = MemoryLog({CONTROL.topic: 1})
    names = {identify(one, CODEC, Pen(one), "e").log_id for one in (log, other)}  # type: ignore[arg-type]
    assert len(names) == 2


def test_of_two_limits_with_one_version_the_first_counts(log: MemoryLog) -> None:
    pen = Pen(log)
    assert limits_in_force(log, CODEC) is None
    for version, person in ((1, "ada"), (2, "bob"), (2, "eve"), (1, "late")):
        pen.write(limits_of({}, version)._replace(person=person), "desk")
    found = limits_in_force(log, CODEC)
    assert found is not None
    assert found.event.person == "bob"
