"""The access rules on a real broker with Kafka's own authorizer, for clients that sign in.

The listener of the other tests asks nobody; rules concern the one where users sign in.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclPermissionType,
    AdminClient,
)

from connectors.log.errors import NotAllowed, WriteForbidden
from connectors.log.interface import OutRecord, Tp
from connectors.log.kafka import KafkaLog
from ops import acls, topics
from ops.stack import StackInfo
from schemas.access import Rule, rules
from schemas.catalog import Catalog, load_catalog
from tests.faults.nursery import wait_for
from tests.guarded import Guarded

CATALOG = load_catalog()
NAMES = ("risk.decision.v1", "oms.order-request.v1", "oms.order-event.v1")
SOME = Catalog(CATALOG.events, {name: CATALOG.topics[name] for name in NAMES})


@pytest.fixture(scope="module")
def prefix(stack: StackInfo) -> str:
    """Three topics of the trading path with their rules."""
    name, options = f"t{uuid4().hex[:8]}.", {"bootstrap.servers": stack.bootstrap_servers}
    topics.apply(options, SOME, name)
    assert {each.what for each in acls.diff(options, SOME, name)} == {"missing"}
    wanted = rules(list(SOME.topics.values()), name)
    own = {rule for rule in wanted if rule.name.startswith(name)}  # readers' group is everyone's
    assert own <= {each.rule for each in acls.apply(options, SOME, name)} <= set(wanted)
    assert acls.diff(options, SOME, name) == []
    assert acls.apply(options, SOME, name) == []
    return name


def log_as(guarded: Guarded, role: str, prefix: str) -> KafkaLog:
    return KafkaLog(guarded.servers, prefix, guarded.options(role))


def write(guarded: Guarded, role: str, prefix: str, topic: str) -> None:
    writer = log_as(guarded, role, prefix).writer(f"{role}-0")
    writer.fence()
    writer.begin()
    writer.send([OutRecord(topic, 0, b"k", b"v", 1)])
    writer.commit()


@pytest.mark.parametrize(
    ("role", "topic"),
    [
        ("risk", "risk.decision.v1"),
        ("strategy", "oms.order-request.v1"),
        ("gateway", "oms.order-event.v1"),
    ],
)
def test_each_writes_its_own_topic(guarded: Guarded, prefix: str, role: str, topic: str) -> None:
    log = KafkaLog(guarded.admin, prefix)
    before = log.bounds(Tp(topic, 0))[1]
    write(guarded, role, prefix, topic)
    assert log.bounds(Tp(topic, 0))[1] > before
    log.close()


@pytest.mark.parametrize(
    ("role", "topic"),
    [
        ("strategy", "risk.decision.v1"),
        ("gateway", "risk.decision.v1"),
        ("risk", "oms.order-event.v1"),
        ("gateway", "oms.order-request.v1"),
    ],
)
def test_nobody_else_does(guarded: Guarded, prefix: str, role: str, topic: str) -> None:
    with pytest.raises(WriteForbidden, match="tape acls diff") as refused:
        write(guarded, role, prefix, topic)
    assert refused.value.exit_code == 2
    assert "canary" not in str(refused.value)


def test_nobody_fences_the_writer_of_another(guarded: Guarded, prefix: str) -> None:
    writer = log_as(guarded, "strategy", prefix).writer("risk-0")
    with pytest.raises(NotAllowed, match="tape acls diff"):
        writer.fence()


def test_what_a_role_does_not_read_is_not_shown(guarded: Guarded, prefix: str) -> None:
    log = log_as(guarded, "market", prefix)
    with pytest.raises(NotAllowed, match=r"risk\.decision\.v1"):
        log.partition_count("risk.decision.v1")
    log.close()
    reads = log_as(guarded, "gateway", prefix)
    assert reads.partition_count("risk.decision.v1") == 4
    assert (
        reads.read(Tp("risk.decision.v1", 3), 0, reads.bounds(Tp("risk.decision.v1", 3))[1], 9)
        == []
    )
    reads.close()


ALLOW, DENY = AclPermissionType.ALLOW, AclPermissionType.DENY


@pytest.mark.parametrize(
    ("rule", "permission", "found"),
    [
        pytest.param(Rule("User:m", "TOPIC", "risk.", "WRITE", True), ALLOW, "foreign", id="topic"),
        *(
            pytest.param(
                Rule("User:m", "TRANSACTIONAL_ID", name, "WRITE", prefixed), ALLOW, "foreign",
                id=f"could fence {name}",
            )
            for name, prefixed in [("gateway-", True), ("gateway-sim-1", False), ("gate", True)]
        ),
        pytest.param(
            Rule("User:risk", "TOPIC", NAMES[0], "WRITE", host="10.0.0.1"), ALLOW, "foreign",
            id="from one host",
        ),
        *(
            pytest.param(
                Rule("User:*", "TOPIC", NAMES[0], operation, host="10.0.0.1"), DENY, "denied",
                id=f"denied to {operation}",
            )
            for operation in ("READ", "DESCRIBE")
        ),
    ],
)  # fmt: skip
def test_what_nobody_asked_for_is_named(
    stack: StackInfo, prefix: str, rule: Rule, permission: AclPermissionType, found: str
) -> None:
    options = {"bootstrap.servers": stack.bootstrap_servers}
    rule = rule._replace(name=prefix + rule.name)
    told = acls._binding(rule)
    patterns = (told.restype, told.name, told.resource_pattern_type, told.principal, told.host)
    admin = AdminClient({**options})
    for future in admin.create_acls([AclBinding(*patterns, told.operation, permission)]).values():
        future.result(15)
    try:
        wait_for(lambda: rule in acls._held(admin, permission), "the broker goes by it")
        for compare in (acls.diff, acls.apply):
            assert compare(options, SOME, prefix) == [acls.Difference(found, rule)]
    finally:
        one = AclBindingFilter(*patterns, told.operation, permission)
        for gone in admin.delete_acls([one]).values():
            gone.result(15)
        wait_for(lambda: rule not in acls._held(admin, permission), "it is taken back")


def test_rules_in_words() -> None:
    wide = Rule("User:mallory", "TOPIC", "t.risk.", "WRITE", prefixed=True)
    assert str(wide) == "User:mallory may WRITE TOPIC t.risk.*"
    rule = Rule("User:risk", "TOPIC", f"t.{NAMES[0]}", "WRITE")
    assert rule in rules(list(SOME.topics.values()), "t.")
    assert rule != rule._replace(host="10.0.0.1")
    assert str(rule._replace(host="10.0.0.1")) == f"{rule} from 10.0.0.1"


def test_a_cluster_without_an_authorizer_says_so() -> None:
    class Refuses:
        def result(self) -> None:
            raise KafkaException(KafkaError(KafkaError.SECURITY_DISABLED))

    with pytest.raises(acls.AccessError, match="no authorizer"):
        acls._result(Refuses(), "reading")
