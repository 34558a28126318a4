"""What a run found, judged against the targets: for the terminal, for programs, for the docs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ops.bench.run import Found, Plan
from ops.bench.samples import Samples, interval, middle, ratios, same_orders
from ops.bench.trading import DECISION, ORDER, WAYS

PACKAGES = ("bytewax", "confluent-kafka", "duckdb", "fastavro", "msgspec", "polars")
QUIET_LOAD = 0.5


class Target(NamedTuple):
    """A row of the issue's table. `most`: a value above is missed, else one below."""

    name: str
    least: float
    aim: float
    unit: str = ""
    most: bool = False


class Row(NamedTuple):
    """A target and what was found: the middle, the extremes, and the verdict."""

    target: Target
    values: Sequence[float]

    @property
    def value(self) -> float:
        return middle(self.values)

    @property
    def verdict(self) -> str:
        if not self.values:
            return "not measured"
        sign = -1 if self.target.most else 1
        if sign * self.value >= sign * self.target.aim:
            return "aim"
        return "reached" if sign * self.value >= sign * self.target.least else "MISSED"


SIGNALS = ("replay_archive", "nautilus_signals")
ORDERS = ("backtest_orders", "nautilus_orders")
RATIOS = (
    (Target("log to columns / messages only", 0.70, 0.90), "columns", "messages"),
    (Target("`strategy` / messages only", 0.60, 0.80), "strategy", "messages"),
    (Target("`strategy` / stock Bytewax", 4.5, 6), "strategy", "stock_bytewax"),
    (Target("`strategy` / quixstreams", 10, 15), "strategy", "quixstreams"),
    (Target("`market` / json.loads alone", 0.25, 0.8), "market", "json_loads"),
    (Target("`strategy` seen / unseen", 0.95, 0.98), "strategy_seen", "strategy_unseen"),
    (Target("log to Parquet / messages only", 0.5, 0.8), "archive", "messages"),
    (Target("replay from archive / from log", 2, 5), "replay_archive", "replay_log"),
    (
        Target("one-minute bars by `tape sql` / one Parquet file", 0.7, 1.0),
        "sql_bars",
        "sql_by_hand",
    ),
    (Target("signals from the archive, with digests / nautilus_trader", 6, 15), *SIGNALS),
    (Target("full backtest / nautilus_trader with orders", 2, 8), *ORDERS),
)
BESIDE = (
    ("log to columns / messages only in a tuned process", "columns", "messages_tuned"),
    ("`strategy` / messages only in a tuned process", "strategy", "messages_tuned"),
    ("`market` as two shards in two processes / json.loads alone", "market_pair", "json_loads"),
    ("`strategy` over 200 instruments / over 2", "strategy_many", "strategy_two"),
    ("`risk` with 10,000 orders open / with 1", "risk_10000", "risk_1"),
)
MEMORY = Target("peak memory catching up", 600, 350, "MB", most=True)
SIZE = Target("bytes per trade, archive / lz4 topic", 0.6, 0.3, most=True)
HISTORY = Target("peak memory archiving and replaying", 1_000, 400, "MB", most=True)
MEDIAN = Target("tick to signal, median", 15, 8, "ms", most=True)
RISK = Target("risk alone, requests/s (100 orders open)", 100_000, 120_000)
VENUE = Target("simulated venue, orders/s", 2_000, 4_000)
VERIFY = Target("verify an archived day, rows/s", 500_000, 1_000_000)
TRADING = (
    (Target("risk: request to decision, median", 10, 5, "ms", most=True), DECISION, "p50"),
    (Target("risk: request to decision, 99 %", 40, 20, "ms", most=True), DECISION, "p99"),
    (Target("tick to order at the venue, median", 35, 17.5, "ms", most=True), ORDER, "p50"),
    (Target("tick to order at the venue, 99 %", 120, 60, "ms", most=True), ORDER, "p99"),
)
SEEN = Target("tick to order, median, seen / unseen", 1.05, 1.02, most=True)
TAIL = Target("tick to signal, 99 %", 60, 30, "ms", most=True)


def rows(found: Samples) -> list[Row]:
    """The issue's table; a row without values was not measured."""
    made = [Row(target, ratios(found, name, base)) for target, name, base in RATIOS]
    signals = [s.extra["signal.target.v1"] for s in found.get("latency", [])]
    for target, share in ((MEDIAN, "p50"), (TAIL, "p99")):
        made.append(Row(target, [signal[share] for signal in signals if signal["count"]]))
    made.append(Row(RISK, [s.rate for s in found.get("risk_100", [])]))
    made.append(Row(VENUE, [s.rate for s in found.get("venue", [])]))
    made.append(Row(VERIFY, [s.rate for s in found.get("verify", [])]))
    for target, what, share in TRADING:
        seen = [s.extra[what] for s in found.get("trading", [])]
        made.append(Row(target, [each[share] for each in seen if each["count"]]))
    made.append(Row(SEEN, seen_ways(found)))
    heavy = [*found.get("strategy", []), *found.get("market", [])]
    sizes = [s.extra for s in found.get("archive", [])]
    made.append(Row(SIZE, [s["archived"] / s["logged"] for s in sizes if s["logged"]]))
    history = [s for name in ("archive", "replay_archive") for s in found.get(name, [])]
    made.append(Row(HISTORY, [max(s.rss_mb for s in history)] if history else []))
    made.append(Row(MEMORY, [max(s.rss_mb for s in heavy)] if heavy else []))
    return made


def beside(found: Samples) -> list[tuple[str, str]]:
    """What else the run says: harder bases, and whether cost grows."""
    said = [(name, ratios(found, top, base)) for name, top, base in BESIDE]
    for name in ("strategy", "market"):
        ages = [s.extra["quarters"] for s in found.get(name, []) if s.extra["quarters"]]
        said.append((f"`{name}`: last quarter of a run / second", [a[-1] / a[1] for a in ages]))
    lines = [(name, spread(values)) for name, values in said if values]
    lines += paired("`strategy` seen / unseen", ratios(found, "strategy_seen", "strategy_unseen"))
    lines += paired(SEEN.name, seen_ways(found))
    for sample in found.get("latency_one", []):
        at = sample.extra["signal.target.v1"]
        if at["count"]:
            text = f"{at['p50']:.1f}, {at['p99']:.1f} ms"
            lines.append(("tick to signal with one partition a topic: median, 99 %", text))
    for name in ("strategy", "strategy_two"):
        if some := found.get(name, []):
            opened = middle([s.extra["reopening_s"] for s in some])
            lines.append((f"opening a shard after {some[0].events:,} events", f"{opened:.2f} s"))
    return lines


def seen_ways(found: Samples) -> list[float]:
    """Of each pair of desks: how long an order took with everything seen over how long the same one
    took unseen, the median of all that both had.
    """
    pairs = zip(found.get("trading_seen", []), found.get("trading_unseen", []), strict=False)
    both = [same_orders(one.extra[WAYS], other.extra[WAYS]) for one, other in pairs]
    return [middle([a / b for a, b in orders]) for orders in both if orders]


def paired(name: str, pairs: Sequence[float]) -> list[tuple[str, str]]:
    """Where the mean ratio of the pairs lies; nothing of less than two."""
    if len(pairs) < 2:
        return []
    low, high = interval(pairs)
    return [(f"{name}: 95 % of {len(pairs)} pairs", f"{low:.3f} - {high:.3f}")]


def spread(values: Sequence[float], unit: str = "") -> str:
    """The middle, and the extremes where there are several."""
    text = f"{number(middle(values))}{' ' + unit if unit else ''}"
    if len(values) > 1:
        text += f" ({number(min(values))} - {number(max(values))})"
    return text


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rates(found: Samples) -> list[tuple[str, str, str, str]]:
    """Every measurement by itself: events a second, processor time an event, peak memory."""
    made = []
    for name, samples in found.items():
        if name.startswith(TIMED):
            continue
        rate = spread([s.rate for s in samples])
        cpu = middle([s.cpu_s / s.events * 1e9 for s in samples])
        rss = max(s.rss_mb for s in samples)
        made.append((name, rate, f"{cpu:,.0f}", f"{rss:,.0f}" if rss else "-"))
    return made


def latencies(found: Samples) -> Iterator[tuple[str, ...]]:
    for sample in (sample for name in TIMED for sample in found.get(name, [])):
        shown = {topic: at for topic, at in sample.extra.items() if topic != WAYS}
        for topic, at in shown.items():
            shares = [f"{at[share]:.1f}" if share in at else "-" for share in SHARES]
            one = ", one partition" if sample.work == "latency_one" else ""
            yield f"{topic}{one}", f"{at['count']:,}", *shares


TIMED = ("latency", "latency_one", "trading")
SHARES = ("p50", "p90", "p99", "max")
VERDICT_HEAD = ("what", "found", "at least", "aim", "verdict")
RATE_HEAD = ("measurement", "events/s", "CPU ns/event", "peak MB")
LATENCY_HEAD = ("tick to", "events", *(f"{share} ms" for share in SHARES))


def verdicts(found: Found) -> list[tuple[str, ...]]:
    made = []
    for row in rows(found.samples):
        target = row.target
        sign = "<= " if target.most else ""
        bounds = (f"{sign}{target.least:g} {target.unit}", f"{sign}{target.aim:g} {target.unit}")
        text = spread(row.values, target.unit) if row.values else "-"
        made.append((target.name, text, *(bound.strip() for bound in bounds), row.verdict))
    return made


def machine() -> list[tuple[str, str]]:
    """What the figures depend on; nothing that names a host."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("processor", f"{os.cpu_count()} x {processor()}"),
        ("memory", f"{memory:.0f} GB"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("packages", versions),
        ("broker", "Apache Kafka 4.3, one node, on the same machine"),
    ]


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")


def noise(load_before: float) -> str:
    """What to think of the figures: whether the machine did something else meanwhile."""
    if load_before > QUIET_LOAD:
        return f"The machine did other work as well (load {load_before:.1f} before the run): noisy."
    return f"The machine was otherwise idle (load {load_before:.1f} before the run)."


def as_json(found: Found, load_before: float) -> dict[str, Any]:
    return {
        "machine": dict(machine()),
        "load_before": load_before,
        "verdicts": [dict(zip(VERDICT_HEAD, row, strict=True)) for row in verdicts(found)],
        "beside": dict(beside(found.samples)),
        "samples": {name: [s.to_json() for s in some] for name, some in found.samples.items()},
        "missing": found.missing,
    }


def as_markdown(found: Found, plan: Plan, load_before: float) -> str:
    """`docs/benchmarks.md`."""
    command = "make bench" if plan == Plan(plan.groups) else f"./tape {' '.join(sys.argv[1:])}"
    parts = [
        f"# Benchmarks\n\nWritten by `{command}`; do not edit. {METHOD}",
        noise(load_before),
        table(("", ""), machine()),
        "## Targets\n\n" + table(VERDICT_HEAD, verdicts(found)),
        "## Beside them\n\n" + table(("what", "found"), beside(found.samples)),
        "## Figures\n\n" + table(RATE_HEAD, rates(found.samples)) + "\n\n" + FIGURES,
    ]
    if any(name in found.samples for name in TIMED):
        parts.append("## Latency\n\n" + table(LATENCY_HEAD, list(latencies(found.samples))))
    if found.missing:
        parts.append("## Not measured\n\n" + table(("what", "why"), list(found.missing.items())))
    return "\n\n".join(parts) + "\n"


METHOD = (
    "Every measurement is a process of its own; a repetition goes through all of them before the "
    "next begins, and a ratio compares figures of one repetition. Shown are the middle value and, "
    "in brackets, the extremes."
)
FIGURES = """\
- `messages`: `Consumer.consume(20000)` in a loop, nothing else; `messages_tuned`: the same with the
  collector and allocator settings of a pipeline process.
- `columns`: consumed, merged over partitions, decoded to tables. `strategy`: all of the pipeline,
  through Bytewax, with epochs, transactions, digests and snapshots; its time ends with the commit
  of the last input.
- `stock_bytewax`: KafkaSource, fastavro, `stateful_map`, KafkaSink; at least once. `quixstreams`:
  one stateful apply over fastavro values, at least once, without its start-up. Both read the same
  topic and keep the same averages per instrument.
- `market`: captured Binance spot frames to events, committed, in one process; `market_pair`: the
  same as two shards; `json_loads`: `json.loads` over the same frames, from memory.
- Trades have prices, quantities, sides and times of captured ones, drawn one by one; none comes
  twice. They carry the four headers that the market pipeline writes, which every reader pays for.
- `risk_N`: requests approved row by row, every check asked, with so many orders open throughout.
- `venue`: LIMIT IOC orders over 16 connections, filled and fsynced; the processor time is the
  venue's alone.
- seen: with figures, asked for once a second (a desk's as often as `tape up --monitoring` does),
  and with spans, sent to an OTLP endpoint outside the measured process; unseen: without either. In
  pairs, the one and the other first in turn; the interval is Student's, of the mean ratio. A
  desk's pair trades the same slice on logs of their own, and an order is compared with itself.
- `sql_bars`: one-minute bars of one instrument by `tape sql`, from the manifests to the answer;
  `sql_by_hand`: the same DuckDB query over one Parquet file with just its four columns, sorted.
- `replay_log`, `replay_archive`: the strategy's epochs again with all digests, by as many processes
  as `tape replay` takes unless it is told.
- `backtest_orders`: strategy with execution, risk, gateway and matching over ticks in an archive.
- `nautilus_orders`, `nautilus_signals`: nautilus_trader's engine, from memory, over the backtest's
  ticks with market orders in place of limit orders, and over the first of the trades replayed, with
  the same averages; without its start-up and loading.
- The latency of orders is that of the example desk with everything running, captures at their own
  pace; the venue tells its time in whole milliseconds.
- CPU and memory count the process with those beside it, not the broker; memory of more than one is
  a bound from above."""


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
