"""Who may do what: derived from the topics' files, enough for what the code reads and writes."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.gateway import inputs as gateway_inputs
from connectors.gateway import past as gateway_past
from connectors.venue_watch import watch
from ops.processes.catalog import pipeline
from ops.settings import load
from ops.signals import with_signals
from pipelines.execution.executor import INPUTS as EXECUTION
from pipelines.execution.requests import REQUESTS
from schemas.access import Rule, may_write, roles, rules
from schemas.catalog import load_catalog

TOPICS = load_catalog().topics
RULES = rules(list(TOPICS.values()), "pr-1.")


def writers(topic: str) -> set[str]:
    return {r.principal for r in RULES if r.covers("TOPIC", f"pr-1.{topic}") and r[3] == "WRITE"}


@pytest.mark.parametrize(
    ("topic", "role"),
    [
        ("risk.decision.v1", "risk"),
        ("oms.order-request.v1", "strategy"),
        ("oms.order-event.v1", "gateway"),
        ("venue.raw.v1", "gateway"),
        ("venue.snapshot.v1", "venue-watch"),
        ("ops.control.v1", "desk"),
        ("ops.clock.v1", "clock"),
        ("recon.control.v1", "reconciliation"),
    ],
)
def test_each_topic_of_the_trading_path_has_one_writer(topic: str, role: str) -> None:
    assert writers(topic) == {f"User:{role}"}


def test_a_writer_in_transactions_has_its_own_ids() -> None:
    ids = {(r.principal, r.name) for r in RULES if r.resource == "TRANSACTIONAL_ID"}
    assert ("User:risk", "pr-1.risk-") in ids
    assert all(name == f"pr-1.{principal.removeprefix('User:')}-" for principal, name in ids)
    risk = Rule("User:risk", "TRANSACTIONAL_ID", "pr-1.risk-", "WRITE", prefixed=True)
    assert risk.covers("TRANSACTIONAL_ID", "pr-1.risk-0")
    assert not risk.covers("TRANSACTIONAL_ID", "risk-0")


@pytest.mark.parametrize("name", ["market", "strategy", "risk", "reconciliation"])
def test_a_pipeline_may_do_what_its_logic_does(name: str) -> None:
    settings = with_signals(load(), ["ema-cross"])
    logic: Any = pipeline(name, settings).logic
    trading = name == "strategy"
    inputs = {each.topic for each in (*logic.inputs, *(EXECUTION if trading else ()))}
    outputs = {*logic.outputs, *((REQUESTS,) if trading else ())}
    own = {f"{name}.epochs.v1", f"{name}.snapshots.v1"}
    assert inputs <= {topic for topic in TOPICS if name in TOPICS[topic].consumers}
    assert outputs | own == set(may_write(TOPICS, name))


@pytest.mark.parametrize(
    ("role", "topics"),
    [
        ("gateway", gateway_inputs._FOLLOWED),
        ("gateway", [gateway_past.BREAKS, gateway_past.DECISIONS, gateway_past.CONTROL]),
        ("venue-watch", [*watch.WHOLE, *watch.FROM_NOW]),
    ],
)
def test_an_edge_may_read_what_it_follows(role: str, topics: list[str]) -> None:
    for topic in topics:
        assert Rule(f"User:{role}", "TOPIC", f"pr-1.{topic}", "READ") in RULES


def test_people_read_everything_and_write_control_alone() -> None:
    assert may_write(TOPICS, "desk") == ["ops.control.v1"]
    for topic in TOPICS:
        assert Rule("User:desk", "TOPIC", f"pr-1.{topic}", "READ") in RULES
    assert "desk" in roles(list(TOPICS.values()))
