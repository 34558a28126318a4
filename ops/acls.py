"""Brings the access rules of a broker in line with `schemas/access`: adds what is missing, names
what nobody asked for.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from ops.topics import connect
from schemas.access import Rule, rules, transactional
from schemas.catalog import Catalog
from schemas.errors import TapeError
from schemas.topics import Topic

TIMEOUT_S: Final = 30.0
_TYPES: Final = {
    "TOPIC": ResourceType.TOPIC,
    "GROUP": ResourceType.GROUP,
    "TRANSACTIONAL_ID": ResourceType.TRANSACTIONAL_ID,
}
_PASSIVE: Final = frozenset({AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS})


class AccessError(TapeError):
    """The rules of a cluster cannot be read or changed."""


class Difference(NamedTuple):
    """`what`: `missing` on the broker, `foreign`: allowed there though no file asks for it, or
    `denied`: forbidden there, which is stronger than any rule that allows it.
    """

    what: str
    rule: Rule


def diff(options: Mapping[str, Any], catalog: Catalog, prefix: str = "") -> list[Difference]:
    """What differs on the broker that `options` (librdkafka's) name. Raises `AccessError`."""
    return _diff(connect(options), catalog, prefix)


def apply(options: Mapping[str, Any], catalog: Catalog, prefix: str = "") -> list[Difference]:
    """Adds what is missing, and returns what differed. What is foreign or denied stays: whoever
    said so may take it back. Raises `AccessError`.
    """
    admin = connect(options)
    found = _diff(admin, catalog, prefix)
    wanted = [_binding(each.rule) for each in found if each.what == "missing"]
    if wanted:
        for future in admin.create_acls(wanted, request_timeout=TIMEOUT_S).values():
            _result(future, "adding an access rule")
        _wait_for(admin, {each.rule for each in found if each.what == "missing"})
    return found


def _wait_for(admin: AdminClient, wanted: Collection[Rule]) -> None:
    """Until the broker goes by the new rules; their creation is answered a little before."""
    deadline = time.monotonic() + TIMEOUT_S
    while late := set(wanted) - set(_held(admin)):
        if time.monotonic() > deadline:
            raise AccessError(f"the broker does not show {len(late)} rules after {TIMEOUT_S:.0f} s")
        time.sleep(0.05)


def _diff(admin: AdminClient, catalog: Catalog, prefix: str) -> list[Difference]:
    asked, held = rules(topics := list(catalog.topics.values()), prefix), _held(admin)
    ours, known = set(asked), set(held)
    missing = [Difference("missing", rule) for rule in asked if rule not in known]
    foreign = [rule for rule in held if rule not in ours and _touches(rule, topics, prefix)]
    denials = _held(admin, AclPermissionType.DENY)
    denied = [rule for rule in denials if _touches(rule, topics, prefix)]
    return [
        *missing,
        *(Difference("foreign", rule) for rule in sorted(foreign)),
        *(Difference("denied", rule) for rule in sorted(denied)),
    ]


def _touches(rule: Rule, topics: Collection[Topic], prefix: str) -> bool:
    """Whether a rule is about our topics, or about transactions of our writers."""
    if rule.resource == "TOPIC":
        return any(rule.covers("TOPIC", prefix + topic.topic) for topic in topics)
    own = (f"{prefix}{role}-" for role in transactional(topics))
    return rule.resource == "TRANSACTIONAL_ID" and any(_meets(rule, begin) for begin in own)


def _meets(rule: Rule, begin: str) -> bool:
    """Whether a rule is about any name that begins so."""
    wide = rule.name == "*" or (rule.prefixed and begin.startswith(rule.name))
    return wide or rule.name.startswith(begin)


def _held(
    admin: AdminClient, permission: AclPermissionType = AclPermissionType.ALLOW
) -> list[Rule]:
    """What the broker allows beyond looking, or forbids; resources of other kinds left out."""
    pattern = ResourcePatternType.ANY
    any_: Any = None  # of every name, principal and host
    anything = AclBindingFilter(
        ResourceType.ANY, any_, pattern, any_, any_, AclOperation.ANY, permission
    )
    bindings = _result(
        admin.describe_acls(anything, request_timeout=TIMEOUT_S), "reading access rules"
    )
    kinds = {kind: name for name, kind in _TYPES.items()}
    passive = _PASSIVE if permission == AclPermissionType.ALLOW else frozenset()
    return [
        Rule(
            each.principal,
            kinds[each.restype],  # type: ignore[arg-type]
            each.name,
            each.operation.name,
            each.resource_pattern_type == ResourcePatternType.PREFIXED,
            each.host,
        )
        for each in bindings
        if each.restype in kinds
        and not (each.restype != ResourceType.GROUP and each.operation in passive)
    ]


def _binding(rule: Rule) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if rule.prefixed else ResourcePatternType.LITERAL
    return AclBinding(
        _TYPES[rule.resource],
        rule.name,
        pattern,
        rule.principal,
        rule.host,
        AclOperation[rule.operation],
        AclPermissionType.ALLOW,
    )


def _result(future: Any, doing: str) -> Any:
    try:
        return future.result()
    except KafkaException as error:
        cause = error.args[0]
        if cause.code() == KafkaError.SECURITY_DISABLED:
            raise AccessError(
                "this cluster has no authorizer, so everybody may do everything: see docs/access.md"
            ) from None
        raise AccessError(f"{doing}: {cause.str()}") from None
