"""Who fenced a gateway: a successor is never restarted against, a time-out of its own is."""

from __future__ import annotations

import pytest

from connectors.gateway.fenced import TRANSACTION_NS, exit_code, newest_ready
from connectors.gateway.ledger import EVENTS
from connectors.log.errors import LogUnreachable
from connectors.log.interface import Tp
from connectors.partitioner import murmur2_partition
from schemas.events import GatewayReady
from tests.connectors.gateway.rig import ACCOUNT, CODEC, TOPICS, approval, memory
from tests.pipelines.orders.events import event

OLD, YOUNG = TRANSACTION_NS, TRANSACTION_NS - 1
WAIT_S = 0.01


def away() -> str:
    raise LogUnreachable("no broker answers")


@pytest.mark.parametrize(
    ("age_ns", "newest", "code"),
    [
        pytest.param(YOUNG, "mine", 70, id="too young to have timed out"),
        pytest.param(OLD, "other", 70, id="a successor is ready"),
        pytest.param(OLD, "mine", 71, id="timed out, nobody came"),
        pytest.param(OLD, None, 71, id="timed out before it was ready"),
    ],
)
def test_the_exit_code(age_ns: int, newest: str | None, code: int) -> None:
    assert exit_code(age_ns, lambda: newest, "mine", WAIT_S) == code


def test_in_doubt_it_was_a_successor() -> None:
    assert exit_code(OLD, away, "mine", WAIT_S, answer_s=0.0) == 70


def test_the_newest_ready_one_is_found_behind_what_followed() -> None:
    records = memory()
    tp = Tp(EVENTS, murmur2_partition(ACCOUNT.encode(), TOPICS[EVENTS]))
    assert newest_ready(records.log, CODEC, tp) is None
    for instance in ("first", "second"):
        ready: GatewayReady = event("GatewayReady")
        records.write(EVENTS, ready._replace(account=ACCOUNT, instance=instance))
    records.write(EVENTS, approval("any"))
    assert newest_ready(records.log, CODEC, tp) == "second"
