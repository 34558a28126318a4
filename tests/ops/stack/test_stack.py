"""The local stack, on the run's own broker and registry."""

import json
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ops import stack as local_stack
from ops.stack import Ports, StackInfo, broker, registry


def test_starting_what_runs_changes_nothing(stack: StackInfo, stack_dir: Path) -> None:
    before = [part.pids for part in local_stack.status(stack_dir)]
    assert local_stack.start(stack_dir) == stack
    parts = local_stack.status(stack_dir)
    assert [part.pids for part in parts] == before
    assert all(part.answers and len(part.pids) == 1 for part in parts)


def test_what_answers_at_a_parts_address_is_that_part(
    stack: StackInfo, stack_dir: Path, tmp_path: Path
) -> None:
    """Two stacks that start at once see the same ports free: one would take the other's parts for
    its own.
    """
    kept = json.loads((stack_dir / "stack.json").read_text())["ports"]
    own = _parts(stack_dir, Ports(**kept))
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").write_text("cluster.id=AnotherOne\n")
    other = _parts(tmp_path, Ports(**kept))
    assert (broker.answers(own[0]), registry.answers(own[1])) == (True, True)
    assert (broker.answers(other[0]), registry.answers(other[1])) == (False, False)


def _parts(run_dir: Path, ports: Ports) -> tuple[broker.Broker, registry.Registry]:
    return (
        broker.Broker(run_dir / "kafka", Path(), [], ports),
        registry.Registry(run_dir / "registry", Path(), Path(), ports.registry),
    )


@pytest.mark.kills_broker
def test_a_killed_broker_comes_back_at_its_address_with_its_topics(
    stack: StackInfo, stack_dir: Path, topic_prefix: str
) -> None:
    client = AdminClient({"bootstrap.servers": stack.bootstrap_servers, "log_level": 0})
    name = f"{topic_prefix}kept"
    client.create_topics([NewTopic(name, 1)])[name].result(10)
    local_stack.kill_broker(stack_dir)
    kafka, registry = local_stack.status(stack_dir)
    assert (kafka.pids, kafka.answers) == ([], False)
    assert registry.answers
    assert local_stack.restart_broker(stack_dir) == stack
    assert name in client.list_topics(timeout=20).topics
