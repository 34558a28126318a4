"""A console whose broker is killed: its page stops looking alive, and goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.log.kafka import KafkaLog
from ops import stack as local_stack
from ops.console.following import Follower
from ops.stack import StackInfo
from ops.stack.processes import wait_for
from tests.ops.console.test_command import ETH, trade
from tests.ops.processes.desk import Desk


@pytest.mark.kills_broker
def test_a_killed_broker_is_said_until_it_is_back(
    stack: StackInfo, stack_dir: Path, tmp_path: Path
) -> None:
    desk = Desk(stack, "outage.", tmp_path)
    follower = Follower(lambda: (KafkaLog(stack.bootstrap_servers, desk.prefix), desk.codec))
    follower.start()
    assert wait_for(lambda: not follower.why, 60)
    assert not wait_for(lambda: bool(follower.why), 3)
    shown = follower.state
    local_stack.kill_broker(stack_dir)
    assert wait_for(lambda: bool(follower.why), 3)
    local_stack.restart_broker(stack_dir)
    trade(desk, 2_000)
    assert wait_for(lambda: not follower.why, 60)
    assert wait_for(lambda: ETH in shown.instruments(), 60)
    assert follower.state is shown
    follower.stop()
    desk.close()
