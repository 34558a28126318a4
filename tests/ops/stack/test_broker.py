"""The broker's configuration."""

from pathlib import Path

import pytest

from ops.stack.broker import MESSAGE_BYTES_MAX, cluster_id, jvm, properties
from ops.stack.ports import DEFAULT


@pytest.mark.parametrize("drawn", [b"\xfb" * 16, b"\xff" * 16, bytes(15) + b"\1"])
def test_a_cluster_id_is_never_taken_for_an_option(drawn: bytes) -> None:
    assert len(cluster_id(drawn)) == 22
    assert not cluster_id(drawn).startswith("-")


def test_the_node_is_alone_on_loopback_and_creates_no_topic_by_itself() -> None:
    rows = properties(DEFAULT, Path("/data"))
    addresses = f"{rows['listeners']},{rows['advertised.listeners']}".split(",")
    assert all("//127.0.0.1:" in address for address in addresses)
    assert rows["auto.create.topics.enable"] == "false"
    assert rows["message.max.bytes"] == MESSAGE_BYTES_MAX
    assert {rows[name] for name in rows if "replication.factor" in name or "isr" in name} == {1}


def test_only_a_broker_that_stays_is_optimised() -> None:
    assert set(jvm(lasting=False)) - set(jvm(lasting=True)) == {"-XX:TieredStopAtLevel=1"}
