"""The demo from an empty log to the replay's verdict. Nothing it starts outlives it; nothing of
the user's is touched.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from typing import Any, NamedTuple

from connectors.feed.capture import CAPTURES, load
from connectors.feed.server import Options
from connectors.log.interface import Tp
from connectors.log.kafka import KafkaLog
from ops import stack, topics
from ops.demo.play import Player
from ops.demo.stage import ProcessFailed, Stage, clear
from ops.demo.summary import latency, raw_records, recorded
from ops.demo.tap import Tap
from ops.processes.catalog import pipeline
from ops.processes.run import codec_of, kafka_log, shard_of
from ops.settings import Settings
from ops.stack.progress import Report
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.registry import Registry, register

logger = logging.getLogger("tape.demo")
LINES = ("A", "B")
DRAIN_S = 120.0
SYMBOLS = {
    venue: sorted({s for c in CAPTURES.values() if c.venue == venue for s in c.symbols})
    for venue in dict.fromkeys(c.venue for c in CAPTURES.values())
}
CONNECTORS = {f"{venue}-{line}".lower(): (venue, line) for venue in SYMBOLS for line in LINES}
PLAYED = ("market", "strategy")  # as far as signals: nothing here asks risk for an order
NAMES = ("clock", *CONNECTORS, *PLAYED, *(f"replay-{name}" for name in PLAYED))


class Demo(NamedTuple):
    """What to play: `seconds` of every capture at `speed` (None: as fast as it goes)."""

    seconds: float = 40.0
    speed: float | None = 2.0


def run_demo(demo: Demo, settings: Settings, report: Report) -> dict[str, Any]:
    """The summary. Raises `TapeError`; `clean` in the summary says whether the replay found no
    difference.
    """
    logging.getLogger("tape.feed").setLevel(logging.WARNING)  # the bars say how far it is
    folder = settings.run_dir
    began = time.monotonic()
    clear(folder, NAMES)
    stack.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        stack.start(folder, ports=stack.FREE, report=report, learn=True)
        with Stage(folder) as stage:
            summary = on_stage(demo, settings, stage, report)
    finally:
        report("stop the broker", 0, None)
        stack.stop(folder)
    return {**summary, "seconds_total": round(time.monotonic() - began, 1)}


def on_stage(demo: Demo, settings: Settings, stage: Stage, report: Report) -> dict[str, Any]:
    catalog = load_catalog()
    topics.apply(settings.kafka_options(), catalog, settings.topic_prefix)
    registry = Registry(settings.registry_url(), settings.registry.client_options())
    for _ in register(registry, catalog, settings.topic_prefix):
        report("register the schemas", 0, None)
    log, codec = kafka_log(settings), codec_of(settings)
    frames = load(seconds=demo.seconds)
    options = Options(speed=demo.speed, wait_for=len(CONNECTORS))
    with Player(frames, options) as player, Tap(log, codec) as tap:
        start_all(stage, player.urls)
        played_s = watch(player, stage, len(frames), report)
        drained_s = drain(log, stage, settings, report)
        stage.stop(*CONNECTORS, "clock")
        drain(log, stage, settings, report)
        stage.stop(*PLAYED)
    verdicts = replays(stage, report)
    return {
        **counted(log, codec, settings),
        "frames": len(frames),
        "lines": len(LINES),
        "restarts": stage.restarts,
        "frames_per_second": round(player.sent / played_s),
        "drained_after_s": round(drained_s, 1),
        "latency": {topic: latency(values) for topic, values in tap.latencies_ms.items()},
        "replay": verdicts,
        "clean": all(verdict["clean"] for shards in verdicts.values() for verdict in shards),
    }


def start_all(stage: Stage, urls: dict[str, str]) -> None:
    for name in PLAYED:
        stage.start(name, "run", name, "--from", "earliest")
    stage.start("clock", "run", "clock")
    for name, (venue, line) in CONNECTORS.items():
        options = ("--venue", venue, "--line", line, "--url", urls[venue])
        stage.start(name, "run", "connector", *options, *SYMBOLS[venue])


def watch(player: Player, stage: Stage, total: int, report: Report) -> float:
    """Seconds from the first frame served to the last."""
    began: float | None = None
    while not player.finished:
        stage.check()
        if began is None and player.played:
            began = time.monotonic()
        report("play the captures", min(player.played, total - 1), total)
        time.sleep(0.1)
    report("play the captures", total, total)
    return time.monotonic() - (began or time.monotonic() - 0.1)


def drain(log: KafkaLog, stage: Stage, settings: Settings, report: Report) -> float:
    """Waits until every pipeline has committed all its input; seconds it took."""
    began = time.monotonic()
    most = 1
    while left := sum(lag(log, name, settings) for name in PLAYED):
        stage.check()
        most = max(most, left)
        report("finish the backlog", most - left, most)
        if time.monotonic() - began > DRAIN_S:
            raise ProcessFailed(f"{left} records are still unread after {DRAIN_S:.0f} s")
        time.sleep(0.1)
    report("finish the backlog", most, most)
    return time.monotonic() - began


def lag(log: KafkaLog, name: str, settings: Settings) -> int:
    """What kafka-consumer-groups would show for a pipeline's group, the clock left out."""
    keyed = [t.topic for t in pipeline(name, settings).logic.inputs if not t.broadcast]
    tps = [Tp(topic, p) for topic in keyed for p in range(log.partition_count(topic))]
    offsets = log.group_offsets(f"tape.{name}", tps)
    return sum(max(0, log.bounds(tp)[1] - offsets.get(tp, 0)) for tp in tps)


def replays(stage: Stage, report: Report) -> dict[str, list[dict[str, Any]]]:
    """Each pipeline's recorded epochs again, in a fresh process; the verdicts of its shards."""
    verdicts = {}
    for done, name in enumerate(PLAYED):
        report("replay and compare", done, len(PLAYED))
        code, text = stage.run(f"replay-{name}", "replay", name, "--output", "json")
        if code not in (0, 1):
            raise ProcessFailed(f"replay {name} could not run: {text.strip()[-300:]}")
        verdicts[name] = json.loads(text[text.index("[\n") :])
    report("replay and compare", len(PLAYED), len(PLAYED))
    return verdicts


def counted(log: KafkaLog, codec: Codec, settings: Settings) -> dict[str, Any]:
    """Events per topic and epochs per pipeline, as the log holds them."""
    events = {topic: raw_records(log, topic) for topic in ("md.raw.v1", "ops.clock.v1")}
    pipelines = {}
    for name in PLAYED:
        found = recorded(log, codec, shard_of(pipeline(name, settings), 0, 1, settings))
        events |= dict(sorted(found.outputs.items()))
        pipelines[name] = {
            "epochs": found.epochs,
            "snapshots": found.snapshots,
            "records_in": sum(found.inputs.values()),
        }
    return {"topics": events, "pipelines": pipelines}
