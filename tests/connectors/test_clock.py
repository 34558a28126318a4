"""The clock: wall time on the log, once per second, whatever the wall clock does."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from connectors.clock import TOPIC, UNCONFIRMED_MAX, Clock
from connectors.log.errors import OutcomeUnknown, TopicMissing
from ops.stack import StackInfo, kill_broker, restart_broker
from schemas.events import ClockTick
from tests.connectors.cluster import create, local_codec, records


class Time:
    """A wall clock and a monotonic one that tests turn by hand."""

    def __init__(self) -> None:
        self.wall_ns = time.time_ns()
        self.monotonic_s = 0.0

    def second(self, wall_s: float = 1.0) -> None:
        self.monotonic_s += 1.0
        self.wall_ns += int(wall_s * 1e9)


def ticks(stack: StackInfo, prefix: str) -> list[int]:
    codec, found = local_codec(), []
    for message in records(stack, prefix, TOPIC)[0]:
        event = codec.decode(message.value())
        assert isinstance(event, ClockTick)
        assert message.timestamp()[1] == event.ts_ns // 1_000_000
        found.append(event.ts_ns)
    return found


@pytest.fixture
def prefix(stack: StackInfo, topic_prefix: str) -> str:
    create(stack, topic_prefix + TOPIC, partitions=1)
    return topic_prefix


def make(stack: StackInfo, prefix: str, hands: Time) -> Clock:
    options = {"bootstrap.servers": stack.bootstrap_servers}
    return Clock(options, local_codec(), prefix, lambda: hands.wall_ns, lambda: hands.monotonic_s)


def finish(clock: Clock) -> None:
    """Flush as a stopped clock does."""
    stopped = threading.Event()
    stopped.set()
    clock.run(stopped)


def test_one_tick_a_second_that_steps_back_with_the_wall_clock(
    stack: StackInfo, prefix: str
) -> None:
    hands, wanted = Time(), []
    clock = make(stack, prefix, hands)
    for step_s in (1.0, 1.0, -30.0, 1.0):
        wanted.append(hands.wall_ns)
        clock.step()
        clock.step()  # not due again
        hands.second(step_s)
    finish(clock)
    assert ticks(stack, prefix) == wanted
    assert wanted[3] < wanted[2]


def test_after_a_pause_one_tick_and_no_burst(stack: StackInfo, prefix: str) -> None:
    hands = Time()
    clock = make(stack, prefix, hands)
    clock.step()
    hands.monotonic_s += 100.0
    for _ in range(5):
        clock.step()
    finish(clock)
    assert len(ticks(stack, prefix)) == 2


@pytest.mark.kills_broker
def test_outage_of_the_broker(
    stack: StackInfo,
    stack_dir: Path,
    prefix: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ticks wait up to the limit, then none are made; a stop now says what is unconfirmed. When
    the broker is back, time goes on.
    """
    hands = Time()
    clock = make(stack, prefix, hands)
    clock.step()
    finish(clock)
    kill_broker(stack_dir)
    for _ in range(UNCONFIRMED_MAX + 40):
        hands.second()
        clock.step()
    assert clock.unconfirmed == UNCONFIRMED_MAX
    assert clock.skipped == 40
    monkeypatch.setattr("connectors.clock.FLUSH_S", 0.2)
    with pytest.raises(OutcomeUnknown, match="60 ticks were not"):
        finish(clock)
    monkeypatch.undo()
    restart_broker(stack_dir)
    deadline_s = time.monotonic() + 30
    while clock.unconfirmed and time.monotonic() < deadline_s:
        clock.poll(0.05)
    hands.second()
    clock.step()
    assert "40 ticks were not made" in caplog.text
    finish(clock)
    found = ticks(stack, prefix)
    assert len(found) == 1 + UNCONFIRMED_MAX + 1
    assert found[-1] == hands.wall_ns


def test_no_topic(stack: StackInfo, topic_prefix: str) -> None:
    with pytest.raises(TopicMissing):
        make(stack, topic_prefix, Time())
