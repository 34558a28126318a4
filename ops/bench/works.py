"""The measurements. Each runs in a process of its own (`work`), so that none pays for another."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from typing import Any, NoReturn

from confluent_kafka import Consumer, TopicPartition

from connectors.epochs.batch import Decoder, EpochBatch
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent, Place, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.session import Session
from connectors.epochs.supply import Supply
from connectors.epochs.tuning import tune
from connectors.log.interface import Tp
from connectors.log.kafka_reader import DEFAULTS
from ops.bench import data
from ops.bench.samples import Sample
from ops.bench.seeing import scraped
from ops.figures.pipeline import Shown
from ops.processes.catalog import pipeline
from ops.processes.clients import codec_of, kafka_log
from ops.processes.run import shard_of
from ops.settings import MetricsSettings, Settings, TracesSettings
from ops.stack.ports import HOST, free_ports
from pipelines.flow import build_flow
from schemas.codec import Codec
from schemas.secret import revealed

TRADES = "md.trade.v1"
PARTS = 4  # a long run is looked at in quarters: the age of the process


class Watch:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), cpu_s()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def sample(self, work: str, events: int, seconds: float | None = None) -> Sample:
        """`seconds` are those until now. To be asked for once the process that reads ahead has
        ended, whose share counts too.
        """
        return Sample(work, events, seconds or self.seconds, cpu_s() - self._cpu, peak_mb())


def cpu_s() -> float:
    """Processor time of this process and of those it has waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def peak_mb(beside: int = 1) -> float:
    """The most memory this process held and, `beside` times, the most that one it waited for held,
    in 10**6 bytes: a bound from above where several ran at once.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    own, other = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + beside * other) * unit / 1e6


def messages(settings: Settings, events: int, _: dict[str, Any]) -> Sample:
    """The limit of the Python client: messages, untouched, as anybody would write it."""
    consumer = _plain_consumer(settings)
    watch, found = Watch(), 0
    while found < events:
        found += len([m for m in consumer.consume(20_000, 0.05) if not m.error()])
    sample = watch.sample("messages", found)
    consumer.close()
    return sample


def messages_tuned(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The same in the tuned process that pipelines are: a harder base, for the reader."""
    tune()
    return replace(messages(settings, events, arguments), work="messages_tuned")


def _plain_consumer(settings: Settings) -> Consumer:
    consumer = Consumer(revealed({**DEFAULTS, **settings.kafka_options()}))
    name = settings.topic_prefix + TRADES
    consumer.assign([TopicPartition(name, p, 0) for p in range(data.PARTITIONS)])
    return consumer


def columns(settings: Settings, events: int, _: dict[str, Any]) -> Sample:
    """Log to columns: consumed, merged, decoded to one table per epoch, as pipelines do."""
    tune()
    log, codec = kafka_log(settings), codec_of(settings)
    places = {Tp(TRADES, p): Place(0, -1) for p in range(data.PARTITIONS)}
    watch, found = Watch(), 0
    supply = Supply(log, Shard("bench", 0, 1, (), ""), places)
    while found < events:
        counts = supply.ready()
        if counts is not None:
            batch = EpochBatch(supply.take(counts), codec, "bench")
            found += sum(table.height for table in batch.tables.values())
    seconds = watch.seconds
    supply.close()
    return watch.sample("columns", found, seconds)


def strategy(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The strategy pipeline to the end of its input, everything committed."""
    return _to_end("strategy", settings, events, arguments)


def market(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The market pipeline to the end of its input, everything committed."""
    return _to_end("market", settings, events, arguments)


def _to_end(name: str, settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """Runs a pipeline under a name of its own, so that the same input is new to it every time."""
    log, codec = kafka_log(settings), codec_of(settings)
    began = time.perf_counter()
    made = pipeline(name, settings)
    if spans := arguments.get("spans", ""):
        settings = _seen(settings, spans)
    number, shards = arguments.get("shard", 0), arguments.get("shards", 1)
    shard = replace(shard_of(made, number, shards, settings), pipeline=arguments["pipeline"])
    session = open_session(log, codec, shard, Intent(start="earliest"), until=lambda: True)
    opening_s = time.perf_counter() - began
    shown = Shown(made, number, settings)
    shown.follow(session, shown.begin())
    steps: list[tuple[int, float]] = []
    session.on_settled = lambda progress: steps.append((progress.records, time.perf_counter()))
    watch, start = Watch(), time.perf_counter()
    address = f"{HOST}:{settings.metrics.port}"
    with scraped(lambda: [address] if spans else []):
        _drive(session, shown, codec, settings)
    # What follows the last input is the last snapshot and the end.
    reached = next(at for records, at in steps if records == session.progress.records)
    sample = watch.sample(name, session.progress.records, reached - start)
    sample.extra = {
        "outputs": session.progress.outputs,
        "epochs": session.progress.epochs_committed,
        "snapshots": session.progress.snapshots,
        "opening_s": opening_s,
        "quarters": quarters(steps, start),
        "reopening_s": _reopened(settings, codec, shard),
        "seen": shown.figures is not None and shown.spans is not None,
    }
    return sample


def _seen(settings: Settings, endpoint: str) -> Settings:
    """With figures, and spans to this endpoint."""
    metrics = MetricsSettings(port=free_ports(1)[0])
    traces = TracesSettings(endpoint=endpoint)
    return settings.model_copy(update={"metrics": metrics, "traces": traces})


def _drive(session: Session, shown: Shown, codec: Codec, settings: Settings) -> None:
    def die(code: int, message: str) -> NoReturn:
        raise AssertionError(f"exit {code}: {message}")

    shard, log = session.parts.shard, kafka_log(settings)
    encode, logic = shown.encode(Encoder(shard, codec, counts_of(log))), shown.logic
    source, sink = EpochSource(session), EpochSink(session, die)
    run_flow(build_flow(source, sink, logic, Decoder(codec, logic.name), encode), session)


def quarters(steps: list[tuple[int, float]], start: float) -> list[float]:
    """Events a second in each quarter of a run; none of a run of a few epochs."""
    total, rates = steps[-1][0], []
    before = (0, start)
    for part in range(1, PARTS + 1):
        now = next(step for step in steps if step[0] >= total * part / PARTS)
        if now[0] == before[0]:
            return []
        rates.append((now[0] - before[0]) / (now[1] - before[1]))
        before = now
    return rates


def _reopened(settings: Settings, codec: Codec, shard: Shard) -> float:
    """Seconds to open the shard again, history read back to its newest snapshot."""
    began = time.perf_counter()
    session = open_session(kafka_log(settings), codec, shard, Intent())
    seconds = time.perf_counter() - began
    session._supply.close()
    return seconds


def json_loads(_: Settings, events: int, __: dict[str, Any]) -> Sample:
    """`json.loads` alone over the frames of the market measurement."""
    payloads = [frame.payload for frame in data.frames(events)]
    loads, watch = json.loads, Watch()
    for payload in payloads:
        loads(payload)
    return watch.sample("json_loads", events)


def fill_trades(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    names = data.instruments(arguments["instruments"])
    filled = data.fill(settings, data.trades(events, names, codec_of(settings)))
    return Sample("fill_trades", filled.events, filled.seconds)


def fill_frames(settings: Settings, events: int, _: dict[str, Any]) -> Sample:
    records = data.raw_records(data.frames(events), codec_of(settings))
    filled = data.fill(settings, records)
    return Sample("fill_frames", events, filled.seconds)
