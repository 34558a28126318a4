"""After a crash of the broker: lets the controller alone take note of it, before the broker runs
again.

A broker that starts while the cluster still counts its killed predecessor as alive loads the
transactions and tries to end those that were open. When it is then fenced, Kafka 4.3 takes its
partitions, which have no leader for a moment, for deleted and leaves out their markers ("Couldn't
find leader endpoint"): the transaction hangs there for ever, or the next one commits what was
aborted. One node that is broker and controller meets this at every other crash.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.stack import processes
from ops.stack.errors import NotStarted

FENCING_S_MAX = 60.0
SESSION_MS = 500
_CLEAN_SHUTDOWN = ".kafka_cleanshutdown"  # Kafka writes it as its last act, and removes it at start
_ACTIVE, _FENCED = "Becoming the active controller", "handleBrokerFenced"
_QUIET_S = 0.5  # the line is printed before the records are appended; then nothing more is said
_GRACE_S = 10.0
_NOBODY_S = 4 * SESSION_MS / 1000


def was_killed(data: Path) -> bool:
    """Whether a broker that worked here did not shut down in order."""
    return (data / "__transaction_state-0").is_dir() and not (data / _CLEAN_SHUTDOWN).exists()


def fence_predecessor(
    folder: Path, java: Sequence[str], properties: Mapping[str, str | int], controller: str
) -> None:
    """Runs the controller on the broker's data until nobody counts as alive. Raises
    `NotStarted`.
    """
    listener = f"CONTROLLER://{controller}"
    settings = {name: v for name, v in properties.items() if not name.startswith("inter.broker")}
    settings |= {"process.roles": "controller", "listeners": listener}
    settings |= {"advertised.listeners": listener, "broker.session.timeout.ms": SESSION_MS}
    settings |= {"broker.heartbeat.interval.ms": SESSION_MS // 5}
    path, log = folder / "fencing.properties", folder / "fencing.log"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [*java, processes.marker(folder), "kafka.Kafka", path.name]
    process = processes.spawn(command, folder, log, os.environ)
    try:
        _wait(process, log)
    finally:
        processes.end(folder, _GRACE_S)
        process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the predecessor is fenced, or the controller had long enough to find that it was."""
    limit, active_at = time.monotonic() + FENCING_S_MAX, 0.0
    said, said_at = 0, 0.0
    while True:
        text, now = log.read_text(errors="replace"), time.monotonic()
        if len(text) > said:
            said, said_at = len(text), now
        if not active_at and _ACTIVE in text:
            active_at = now
        fenced = _FENCED in text or (active_at and now > active_at + _NOBODY_S)
        if fenced and now > said_at + _QUIET_S:
            return
        if process.poll() is not None or now > limit:
            raise NotStarted(f"the crashed broker could not be fenced: see {log}")
        time.sleep(0.02)
