"""The Kafka broker: one KRaft node on loopback, broker and controller in one process.

The values are those of a single node (every internal topic has one replica) and of a developer's
patience (no waiting for group members, a transaction that timed out is aborted within a second).
Topics are created by `tape topics apply` alone, never by a misspelt name.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import NamedTuple

from ops.cores import cores
from ops.stack import learned, processes
from ops.stack.errors import NotStarted
from ops.stack.fencing import fence_predecessor, was_killed
from ops.stack.java import temporary
from ops.stack.ports import HOST, Ports, is_taken

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
# The optimising compiler pays for itself after some 10,000 transactions: afterwards the broker
# takes half the processor time. Until then, as long as a demo and a test run last, it takes a third
# of what the broker costs.
SHORT = ("-XX:TieredStopAtLevel=1",)
CORES = cores()
GRACE_S = 60.0  # a run that learns writes what it learned


class Broker(NamedTuple):
    """Where the broker works and what it is started with."""

    folder: Path
    java: Path
    jars: list[Path]
    ports: Ports
    learn: bool = False
    guarded: int = 0  # port of a listener where clients sign in; 0: none
    lasting: bool = False  # for hours rather than minutes

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / "kafka.log"

    @property
    def address(self) -> str:
        """The bootstrap servers."""
        return f"{HOST}:{self.ports.kafka}"


def properties(ports: Ports, data: Path, guarded: int = 0) -> dict[str, str | int]:
    """The node's configuration, by Kafka's own names."""
    rows = _plain(ports, data)
    return {**rows, **_guarded(rows, guarded)} if guarded else rows


def _guarded(rows: dict[str, str | int], port: int) -> dict[str, str | int]:
    """One more listener, where clients sign in (SCRAM) and may do what access rules say. Who comes
    to the other listener is still asked nothing: the operator of the machine.
    """
    more = f",SASL_PLAINTEXT://{HOST}:{port}"
    module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    protocols = rows["listener.security.protocol.map"]
    return {
        "listeners": f"{rows['listeners']}{more}",
        "advertised.listeners": f"{rows['advertised.listeners']}{more}",
        "listener.security.protocol.map": f"{protocols},SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config": module,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _plain(ports: Ports, data: Path) -> dict[str, str | int]:
    broker, controller = f"{HOST}:{ports.kafka}", f"{HOST}:{ports.controller}"
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.bootstrap.servers": controller,
        # Kafka's own 3 and 8 are for a server with its own disks: here a request wakes fewer.
        "num.network.threads": max(1, CORES // 2),
        "num.io.threads": max(2, CORES),
        "log.dirs": str(data),
        # A killed broker may register again only when its predecessor's session is over (9 s).
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "transaction.max.timeout.ms": 900_000,
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "replica.fetch.max.bytes": MESSAGE_BYTES_MAX,
        "log.retention.hours": 168,
        "log.segment.bytes": 256 * 1024 * 1024,
        "offsets.retention.minutes": 7 * 24 * 60,
    }


def launch(broker: Broker) -> subprocess.Popen[bytes]:
    """Starts the broker, its storage formatted first where there is none."""
    broker.folder.mkdir(parents=True, exist_ok=True)
    _remember_class_path(broker)
    _configure(broker, broker.folder / "data")
    if not (broker.folder / "data").is_dir():
        _format(broker)
    elif was_killed(broker.folder / "data"):
        rows = properties(broker.ports, broker.folder / "data", broker.guarded)
        fence_predecessor(broker.folder, _java(broker), rows, f"{HOST}:{broker.ports.controller}")
    learning = learned.learn("kafka", broker.folder) if broker.learn else []
    mark = processes.marker(broker.folder)
    command = [*_java(broker), *learning, mark, "kafka.Kafka", "server.properties"]
    return processes.spawn(command, broker.folder, broker.log, os.environ)


def answers(broker: Broker) -> bool:
    """Whether the broker serves clients: it has registered itself and tells its own address, and is
    this one, not another that took its port while it started.
    """
    if not is_taken(broker.ports.kafka):
        return False
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    options: dict[str, str | int | float] = {
        "bootstrap.servers": broker.address,
        "log_level": 0,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 100,
    }
    try:
        metadata = AdminClient(options).list_topics(timeout=2)
    except KafkaException:
        return False
    known = any(node.port == broker.ports.kafka for node in metadata.brokers.values())
    return known and metadata.cluster_id == _formatted_as(broker.folder / "data")


def _formatted_as(data: Path) -> str | None:
    """The cluster id that the storage was given."""
    try:
        rows = (data / "meta.properties").read_text().splitlines()
    except OSError:
        return None
    return dict(row.partition("=")[::2] for row in rows).get("cluster.id")


def cluster_id(drawn: bytes) -> str:
    """Kafka's text form of 16 drawn bytes. The first sign is fixed: one id in 64 would begin with a
    dash, which the storage tool takes for an option.
    """
    return "A" + base64.urlsafe_b64encode(drawn).decode().rstrip("=")[1:]


def jvm(lasting: bool) -> tuple[str, ...]:
    """The options of the virtual machine."""
    return JVM if lasting else (*JVM, *SHORT)


def _java(broker: Broker) -> list[str]:
    logging = ["-Dorg.slf4j.simpleLogger.showDateTime=true"]
    logging += ["-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS"]
    options = [*jvm(broker.lasting), temporary(broker.folder), *learned.use("kafka"), *logging]
    return [str(broker.java), *options, "@class-path"]


def _remember_class_path(broker: Broker) -> None:
    """A file of arguments, so that a listing of processes stays readable."""
    joined = os.pathsep.join(str(jar) for jar in broker.jars)
    (broker.folder / "class-path").write_text(f'-cp "{joined}"\n')


def _configure(broker: Broker, data: Path) -> Path:
    rows = properties(broker.ports, data, broker.guarded).items()
    path = broker.folder / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in rows))
    return path


def _format(broker: Broker) -> None:
    """Formats aside and renames, so that an interrupted format leaves nothing half done.

    One whose starter was killed may still be at work: it is ended first.
    """
    fresh = broker.folder / "data.new"
    processes.kill(fresh)
    shutil.rmtree(fresh, ignore_errors=True)
    _configure(broker, fresh)
    cluster = cluster_id(uuid.uuid4().bytes)
    arguments = ["format", "--standalone", "-t", cluster, "-c", "server.properties"]
    mark = processes.marker(fresh)
    log = broker.folder / "format.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [*_java(broker), mark, "kafka.tools.StorageTool", *arguments],
            cwd=broker.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise NotStarted(
            f"the broker's storage cannot be formatted (exit {done.returncode}): see {log}"
        )
    fresh.rename(broker.folder / "data")
    _configure(broker, broker.folder / "data")
