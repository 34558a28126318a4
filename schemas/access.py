"""Who may do what on the log, derived from who writes and reads each topic (`schemas/topics`).

A role is the name of a process there; its principal is `User:<role>`. Nothing is allowed that no
file asks for, so only `risk` writes decisions and only `gateway` writes what became of orders.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from schemas.topics import Topic

Resource = Literal["TOPIC", "GROUP", "TRANSACTIONAL_ID"]
Operation = Literal["READ", "WRITE", "DESCRIBE"]
EVERYWHERE: Final = "*"
DESK: Final = "desk"  # people's commands read everything
CLIENT_GROUPS: Final = ("tape-reader", "tape-admin")  # librdkafka asks about them, none is joined


class Rule(NamedTuple):
    """An operation that a principal may do, from every `host` or one; a `prefixed` name stands for
    all that begin with it.
    """

    principal: str
    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False
    host: str = EVERYWHERE

    def covers(self, resource: str, name: str) -> bool:
        """Whether the rule is about this resource."""
        same = name.startswith(self.name) if self.prefixed else self.name in (name, "*")
        return self.resource == resource and same

    def __str__(self) -> str:
        name = f"{self.name}*" if self.prefixed else self.name
        place = "" if self.host == EVERYWHERE else f" from {self.host}"
        return f"{self.principal} may {self.operation} {self.resource} {name}{place}"


def rules(topics: Collection[Topic], prefix: str = "") -> list[Rule]:
    """What the topics' files ask for, sorted. READ and WRITE let a client DESCRIBE as well."""
    found = {rule for topic in topics for rule in _of_topic(topic, prefix)}
    for role in roles(topics):
        found |= {
            Rule(_user(role), "GROUP", group, "DESCRIBE")
            for group in (f"{prefix}{CLIENT_GROUPS[1]}", CLIENT_GROUPS[0])
        }
        found.add(Rule(_user(role), "GROUP", f"{prefix}tape.{role}", "READ"))
    return sorted(found)


def roles(topics: Collection[Topic]) -> list[str]:
    """Every process that a file names."""
    return sorted({DESK, *(role for t in topics for role in (*t.producers, *t.consumers))})


def transactional(topics: Collection[Topic]) -> list[str]:
    """The roles that write in transactions."""
    return sorted({role for topic in topics if topic.transactional for role in topic.producers})


def may_write(topics: Mapping[str, Topic], role: str) -> list[str]:
    """The topics that a role writes."""
    return [name for name, topic in topics.items() if role in topic.producers]


def _of_topic(topic: Topic, prefix: str) -> Iterator[Rule]:
    name = prefix + topic.topic
    for role in topic.producers:
        yield Rule(_user(role), "TOPIC", name, "WRITE")
        if topic.transactional:
            yield Rule(_user(role), "TRANSACTIONAL_ID", f"{prefix}{role}-", "WRITE", prefixed=True)
    # A process reads again what it wrote: to recover, and to carry it through an upgrade.
    for role in {DESK, *topic.producers, *topic.consumers}:
        yield Rule(_user(role), "TOPIC", name, "READ")


def _user(role: str) -> str:
    return f"User:{role}"
