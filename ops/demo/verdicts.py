"""What a demo tells in the end: every pipeline's recorded epochs again, and what the log holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from subprocess import Popen
from typing import Any, Self

from connectors.log.kafka import KafkaLog
from ops.demo.cast import Cast
from ops.demo.faults import LEAVES, PLAN
from ops.demo.history import REPLAYED
from ops.demo.summary import recorded
from ops.processes.catalog import pipeline
from ops.processes.run import shard_of
from ops.supervisor.supervisor import ProcessFailed
from schemas.codec import Codec

ARCHIVED = "archive"  # what the replay from the archive is called
Verdicts = dict[str, list[dict[str, Any]]]


class Replays:
    """Recorded epochs again, each pipeline's in a fresh process as soon as it has stopped."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._running: dict[str, Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()  # where an error came before the verdicts; nothing else runs still

    def begin(self, *names: str) -> None:
        """Of pipelines that have stopped."""
        for name in names:
            arguments = ("replay", name, "--output", "json")
            self._running[name] = self._cast.desk.spawn(f"replay-{name}", *arguments)

    def begin_archived(self) -> None:
        """One pipeline's once more, from the archive alone."""
        arguments = ("replay", REPLAYED, "--source", "archive", "--output", "json")
        self._running[ARCHIVED] = self._cast.desk.spawn(f"replay-{ARCHIVED}", *arguments)

    def verdicts(self) -> Verdicts:
        """Those of their shards, by name. Raises `ProcessFailed`."""
        names, found = list(self._running), Verdicts()
        for done, name in enumerate(names):
            self._cast.report("replay and compare", done, len(names))
            found[name] = self._verdict(name)
        self._cast.report("replay and compare", len(names), len(names))
        return found

    def _verdict(self, name: str) -> list[dict[str, Any]]:
        code = self._running[name].wait()
        text = self._cast.desk.log_of(f"replay-{name}").read_text()
        if code not in (0, 1):
            raise ProcessFailed(f"replay {name} could not run: {text.strip()[-300:]}")
        shards: list[dict[str, Any]] = json.loads(text[text.index("[\n") :])
        return shards


def missed(struck: Mapping[str, int]) -> list[str]:
    """The planned faults that never struck: what they would have shown was not shown."""
    return [one.kind for one in PLAN if one.kind != LEAVES and not struck.get(one.kind)]


def counted(log: KafkaLog, codec: Codec, cast: Cast) -> dict[str, Any]:
    """Epochs per pipeline, as the log holds them."""
    pipelines = {}
    for name in cast.played:
        made = pipeline(name, cast.settings)
        found = recorded(log, codec, shard_of(made, 0, 1, cast.settings))
        pipelines[name] = {
            "epochs": found.epochs,
            "snapshots": found.snapshots,
            "records_in": sum(found.inputs.values()),
        }
    return pipelines
